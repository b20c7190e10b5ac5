//go:build !js

package checkpoint

import (
	"encoding/binary"
	"math"
	"testing"
)

// llama2.c cannot say a head_dim of its own.
func llama2cConfig() Config {
	c := toyConfig
	c.HeadDim = c.Dim / c.NHeads
	return c
}

func TestLlama2COpens(t *testing.T) {
	for _, tied := range []bool{true, false} {
		m := newToy(llama2cConfig(), tied)
		f, err := openLlama2CBytes(m.llama2c())
		if err != nil {
			t.Fatal(err)
		}
		wantToy(t, f, m, F32)
		if f.Format != "llama2.c" || f.Model != "x" || f.Meta != nil {
			t.Errorf("Format %q, Model %q, Meta %v", f.Format, f.Model, f.Meta)
		}
	}
}

func TestLlama2CRefusesDamage(t *testing.T) {
	good := newToy(llama2cConfig(), false).llama2c()
	word := func(i int, v int32) []byte {
		b := append([]byte(nil), good...)
		binary.LittleEndian.PutUint32(b[4*i:], uint32(v))
		return b
	}
	for _, tc := range []struct {
		name string
		b    []byte
		want string
	}{
		{"short header", good[:27], "27 bytes, want a llama2.c header of 28 (file cut short?)"},
		{"version 1", append([]byte("24ka\x01\x00\x00\x00"), good[8:]...),
			"llama2.c checkpoint of version 1, want the legacy version 0"},
		{"dim", word(0, 1<<30), "llama2.c header: dim=1073741824, want 1 to 65536"},
		{"negative hidden_dim", word(1, -64), "llama2.c header: hidden_dim=-64, want 1 to 262144"},
		{"no layers", word(2, 0), "llama2.c header: n_layers=0, want 1 to 1024"},
		{"no heads", word(3, 0), "llama2.c header: n_heads=0, want at least 1"},
		{"heads do not divide dim", word(3, 5), "llama2.c header: dim=32 is not a multiple of n_heads=5"},
		{"no KV heads", word(4, 0), "llama2.c header: n_kv_heads=0, want 1 to 1024"},
		{"vocab_size -2^31", word(5, math.MinInt32), "llama2.c header: vocab_size=2147483648, want 1 to 4194304"},
		{"vocab_size 0", word(5, 0), "llama2.c header: vocab_size=0, want 1 to 4194304"},
		{"classifier lost", word(5, 5), "76060 bytes, want 75420 for dim=32 hidden_dim=64 n_layers=2 n_heads=4 " +
			"n_kv_heads=2 vocab_size=5 seq_len=12 (file cut short, or not of llama2.c?)"},
		{"one byte short", good[:len(good)-1], "76059 bytes, want 76060 for dim=32 hidden_dim=64 n_layers=2 n_heads=4 " +
			"n_kv_heads=2 vocab_size=-5 seq_len=12 (file cut short, or not of llama2.c?)"},
		{"one byte more", append(good[:len(good):len(good)], 0), "76061 bytes, want 76060 for dim=32 hidden_dim=64 " +
			"n_layers=2 n_heads=4 n_kv_heads=2 vocab_size=-5 seq_len=12 (file cut short, or not of llama2.c?)"},
	} {
		_, err := openLlama2CBytes(tc.b)
		wantError(t, err, "x.bin: "+tc.want)
	}
}

func TestConfigValidate(t *testing.T) {
	if err := toyConfig.Validate(); err != nil {
		t.Error(err)
	}
	for _, tc := range []struct {
		change func(c *Config)
		want   string
	}{
		{func(c *Config) { c.Dim = 34 }, "dim=34, want a multiple of 4"},
		{func(c *Config) { c.HiddenDim = 66 }, "hidden_dim=66, want a multiple of 4"},
		{func(c *Config) { c.HeadDim = 2 }, "head_dim=2, want a multiple of 4"},
		{func(c *Config) { c.NHeads, c.NKVHeads = 8, 3 }, "n_heads=8 is not a multiple of n_kv_heads=3"},
		{func(c *Config) { c.SeqLen = -1 }, "seq_len=-1, want 1 to 16777216"},
		{func(c *Config) { c.NormEps = math.NaN() }, "norm_eps=NaN, want 0 < norm_eps < 1"},
		{func(c *Config) { c.RopeBase = math.Inf(1) }, "rope_base=+Inf, want 1 < rope_base <= 1e12"},
	} {
		c := toyConfig
		tc.change(&c)
		wantError(t, c.Validate(), "config: "+tc.want)
	}
}
