//go:build !js

package checkpoint

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// rope is what config.json says of rotation.
type rope struct {
	j       *jsonReader
	base    float64
	given   bool // base is from the file
	scaling scaling
}

// rope reads rope_theta and the scaling, which newer files keep together in rope_parameters.
func (j *jsonReader) rope() rope {
	r := rope{j: j, base: j.float("rope_theta", 10000), given: j.has("rope_theta")}
	for _, key := range []string{"rope_scaling", "rope_parameters"} {
		if j.has(key) {
			r.read(key, j.values[key])
		}
	}
	return r
}

// scalingKeys are the settings of each type of scaling that the model can run with.
var scalingKeys = map[string][]string{
	"default": nil,
	"linear":  {"factor"},
	"llama3":  {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"},
}

// read reads an object of settings.
func (r *rope) read(key string, value json.RawMessage) {
	inner := &jsonReader{src: r.j.src, values: map[string]json.RawMessage{}, refused: r.j.refused}
	err := object(value, func(k string, v json.RawMessage) error {
		inner.values[k] = v
		return nil
	})
	if err != nil {
		r.j.fail("%s: %v", key, err)
		return
	}
	typ := inner.scalingType()
	// A factor of 1 changes nothing, whatever the type of scaling that it belongs to, but for two
	// types that have effects beside the factor.
	neutral := inner.has("factor") && inner.float("factor", 0) == 1 && typ != "dynamic" && typ != "longrope"
	_, known := scalingKeys[typ]
	var unknown []string
	for _, k := range slices.Sorted(maps.Keys(inner.values)) {
		switch {
		case !inner.has(k):
		case k == "rope_theta":
			r.theta(key, inner)
		case k == "full_attention": // transformers 5 has settings for each type of layer
			r.read(key, inner.values[k])
		case (k == "partial_rotary_factor" || k == "attention_factor") && inner.float(k, 0) == 1:
		case neutral && k != "attention_factor" && k != "partial_rotary_factor":
		case known && (k == "rope_type" || k == "type" || slices.Contains(scalingKeys[typ], k)):
		default:
			unknown = append(unknown, plain(k)+" is "+inner.text(k))
		}
	}
	if len(unknown) > 0 {
		r.j.fail("%s: RoPE scaling is not supported (%s)", key, strings.Join(unknown, ", "))
		return
	}
	if !neutral && typ != "default" {
		r.scale(key, typ, inner)
	}
}

// scalingType returns rope_type, which older files call type.
func (j *jsonReader) scalingType() string {
	for _, key := range []string{"rope_type", "type"} {
		if j.has(key) {
			var typ string
			if json.Unmarshal(j.values[key], &typ) != nil {
				return j.text(key)
			}
			return typ
		}
	}
	return "default"
}

// scale takes the scaling out of an object of settings.
func (r *rope) scale(key, typ string, inner *jsonReader) {
	s := scaling{typ: typ}
	for i, k := range scalingKeys[typ] {
		if !inner.has(k) {
			r.j.fail("%s: %s is missing, which scaling of type %s needs", key, k, typ)
			return
		}
		var v float64
		if json.Unmarshal(inner.values[k], &v) != nil || !usableFactor(v) {
			r.j.fail("%s: %s is %s, want a number above 0", key, k, inner.text(k))
			return
		}
		*[]*float64{&s.factor, &s.low, &s.high, &s.original}[i] = v
	}
	if typ == "llama3" && s.low >= s.high {
		r.j.fail("%s: low_freq_factor is %g and high_freq_factor %g, want the first to be less", key, s.low, s.high)
		return
	}
	if r.scaling.typ != "" && s != r.scaling {
		r.j.fail("%s: RoPE scaling is another here than elsewhere", key)
		return
	}
	r.scaling = s
}

// theta takes the base out of an object of settings.
func (r *rope) theta(key string, inner *jsonReader) {
	var theta float64
	if json.Unmarshal(inner.values["rope_theta"], &theta) != nil {
		r.j.fail("%s: rope_theta is %s, want a number", key, inner.text("rope_theta"))
		return
	}
	theta = float64(float32(theta))
	if r.given && theta != r.base {
		r.j.fail("%s: rope_theta is %g here and %g elsewhere", key, theta, r.base)
		return
	}
	r.base, r.given = theta, true
}
