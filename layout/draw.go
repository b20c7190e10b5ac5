package layout

// Draw says how a token is drawn from the logits of a position. The filters
// apply in the order of the fields, to the odds at this temperature.
type Draw struct {
	Seed        uint32
	Temperature float32 // 0: always the likeliest token, whatever the filters; 1: the model's own odds
	TopK        int     // only the K likeliest tokens; 0: off
	TopP        float32 // only the smallest set of likeliest tokens with this probability; 1: off
	MinP        float32 // only tokens with at least this share of the likeliest one's probability; 0: off
}
