package ref

// Choose is the CPU twin of gpu/shaders/choose.wgsl: it picks a token from the
// logits (vocab) and returns it with ln Σ exp(logit), so that
// logits[id] − lse is the model's own log probability of the choice.
//
//	temperature 0   id = arg max_i logit_i
//	otherwise       id = arg max_i logit_i/temperature + Gumbel(hash(seed, position, i))
//
// which draws from softmax(logits / temperature). Ties go to the lower id.
// Source: Gumbel-max trick, e.g. Maddison et al. 2014, arXiv:1411.0030, section 2.
func Choose(logits []float32, seed, position uint32, temperature float32) (id int, lse float32) {
	best := float32(0)
	wide := make([]float64, len(logits))
	for i, logit := range logits {
		score := logit
		if temperature > 0 {
			score = logit/temperature + Gumbel(Hash(seed, position, uint32(i)))
		}
		if i == 0 || score > best {
			best, id = score, i
		}
		wide[i] = float64(logit)
	}
	return id, float32(LogSumExp(wide))
}
