package gpu

import (
	"fmt"
	"testing"

	"keyfold/internal/kernelcase"
	"keyfold/layout"
)

func TestChoose(t *testing.T) {
	bothTypes(t, func(t *testing.T, d *Device) { d.runCases(t, kernelcase.ChooseCases()) })
}

// BenchmarkChoose is a choice among twenty that are submitted together, where few tokens are likely:
//
//	go test -run '^$' -bench Choose ./gpu
func BenchmarkChoose(b *testing.B) {
	d := openForTest(b)
	for _, vocab := range []int{49152, 128256} {
		logits, chosen := d.upload(b, normals("logits", vocab, 4)), d.upload(b, make([]float32, ChosenWords))
		for _, draw := range []layout.Draw{
			{TopP: 1}, {Temperature: 0.8, TopP: 1}, {Temperature: 0.8, TopP: 0.9}, {Temperature: 0.8, TopP: 1, TopK: 40},
			{Temperature: 0.8, TopP: 0.9, TopK: 40},
		} {
			b.Run(fmt.Sprintf("%d/temperature=%g,top-k=%d,top-p=%g", vocab, draw.Temperature, draw.TopK, draw.TopP), func(b *testing.B) {
				for from := 0; from < b.N; from += 20 {
					p := d.Begin()
					for n := from; n < min(b.N, from+20); n++ {
						p.Choose(logits, chosen, vocab, 0, 0, draw, uint32(n))
					}
					read := p.Read(chosen, 0, 4)
					if err := p.Submit(); err != nil {
						b.Fatal(err)
					}
					read.Words()
				}
			})
		}
	}
}
