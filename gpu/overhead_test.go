package gpu

import (
	"testing"
	"time"
)

// What a wait and a dispatch cost is found on adapters whose costs are known.
func TestOverhead(t *testing.T) {
	for _, c := range []struct{ wait, dispatch time.Duration }{
		{200 * time.Microsecond, 5 * time.Microsecond},
		{100 * time.Millisecond, 0}, // Firefox without a nudge
		{0, 40 * time.Microsecond},
	} {
		d := &stub{rate: 1e9, latency: c.wait}
		dev := d.device(t, t.Name())
		d.work = func() int { return d.dispatched * int(c.dispatch) }
		o, err := dev.MeasureOverhead()
		if err != nil {
			t.Fatal(err)
		}
		if o.Wait != c.wait || o.Dispatch != c.dispatch {
			t.Errorf("a wait of %v and a dispatch of %v were measured, want %v and %v", o.Wait, o.Dispatch, c.wait, c.dispatch)
		}
		for i, n := range []int{100, 400, 1000} {
			if want := (Burst{n, c.wait + time.Duration(n)*c.dispatch}); o.Bursts[i] != want {
				t.Errorf("burst %+v, want %+v", o.Bursts[i], want)
			}
		}
	}
	d := &stub{rate: 1e9, latency: time.Millisecond, loseAt: 50}
	dev := d.device(t, t.Name())
	d.work = func() int { return 0 }
	if o, err := dev.MeasureOverhead(); o != nil || err == nil {
		t.Errorf("%v, %v of a device that is lost meanwhile", o, err)
	}
}
