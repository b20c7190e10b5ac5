package gpu

import (
	"fmt"
	"slices"

	"keyfold/layout"
)

// Weights is a (Rows, Cols) matrix resident on the device, in the layout of
// [layout.Stack]. Rows of different types lie in buffers of their own, and those of
// one type that are larger than one binding in several.
type Weights struct {
	Rows, Cols int
	parts      []weightPart
}

type weightPart struct {
	typ        layout.WeightType
	row0, rows int
	scales     int // word at which the scales begin
	buf        *Buffer
}

// RowsPerUpload is the multiple of rows in which Upload takes a matrix: so that
// no word holds scales of two uploads.
const RowsPerUpload = 2

// NewWeights allocates a matrix of such parts, one below the other. It is written by
// Upload.
func (d *Device) NewWeights(label string, cols int, parts ...layout.Part) (*Weights, error) {
	w := &Weights{Cols: cols}
	for _, p := range parts {
		if err := w.addRows(d, label, p); err != nil {
			w.Destroy()
			return nil, err
		}
	}
	return w, nil
}

// addRows allocates rows of one type, in as many buffers as that takes.
func (w *Weights) addRows(d *Device, label string, p layout.Part) error {
	per := layout.Part{Type: p.Type, Rows: p.Rows}
	for n := 1; ; n++ {
		per.Rows = divUp(divUp(p.Rows, n), RowsPerUpload) * RowsPerUpload
		if wholeBlocks(4*per.Words(w.Cols)) <= d.Limits.BindingBytes {
			break
		}
		if per.Rows == RowsPerUpload {
			return fmt.Errorf("%s: %d columns of type %v do not fit into a binding of %d bytes",
				label, w.Cols, p.Type, d.Limits.BindingBytes)
		}
	}
	for left := p.Rows; left > 0; left -= per.Rows {
		per.Rows = min(per.Rows, left)
		buf, err := d.NewBuffer(label, wholeBlocks(4*per.Words(w.Cols)))
		if err != nil {
			return err
		}
		w.parts = append(w.parts, weightPart{
			typ: p.Type, row0: w.Rows, rows: per.Rows, scales: p.Type.QuantWords(per.Rows, w.Cols), buf: buf,
		})
		w.Rows += per.Rows
	}
	return nil
}

// wholeBlocks rounds the bytes of a matrix up to those that readers of blocks take at once:
// WebGPU hides what is left behind the last of an array's elements.
func wholeBlocks(bytes int) int { return divUp(bytes, 16) * 16 }

// Upload writes rows row0 .. row0+src.Rows of the matrix, which have the type of src.
// In the rows of one type row0 is a multiple of [RowsPerUpload], and so is src.Rows
// except at their end.
func (w *Weights) Upload(row0 int, src *layout.Weights) error {
	refused := fmt.Errorf("upload of (%d, %d) weights of type %v at row %d of (%d, %d)", src.Rows, src.Cols, src.Type, row0, w.Rows, w.Cols)
	if src.Cols != w.Cols || row0+src.Rows > w.Rows {
		return refused
	}
	quants := src.Type.QuantWords(src.Rows, src.Cols)
	for _, p := range w.parts {
		from, to := max(row0, p.row0), min(row0+src.Rows, p.row0+p.rows)
		if from >= to {
			continue
		}
		if p.typ != src.Type || (from-p.row0)%RowsPerUpload != 0 || (to-from)%RowsPerUpload != 0 && to != p.row0+p.rows {
			return refused
		}
		q0, q1 := src.Type.QuantWords(from-row0, src.Cols), src.Type.QuantWords(to-row0, src.Cols)
		s0, s1 := src.Type.ScaleWords(from-row0, src.Cols), src.Type.ScaleWords(to-row0, src.Cols)
		if err := p.buf.UploadWords(4*src.Type.QuantWords(from-p.row0, src.Cols), src.Words[q0:q1]); err != nil {
			return err
		}
		if err := p.buf.UploadWords(4*(p.scales+src.Type.ScaleWords(from-p.row0, src.Cols)),
			src.Words[quants+s0:quants+s1]); err != nil {
			return err
		}
		if err := p.buf.d.settle(4 * (q1 - q0 + s1 - s0)); err != nil {
			return err
		}
	}
	return nil
}

// mostUnsettled is how many bytes are uploaded at most before the device is made to take
// them: until a submit it keeps a copy of each upload beside the buffer.
const mostUnsettled = 64 << 20

// settle counts bytes that were uploaded, and waits for the device when they are many.
func (d *Device) settle(bytes int) error {
	if d.unsettled += bytes; d.unsettled < mostUnsettled {
		return nil
	}
	d.unsettled = 0
	p := d.Begin()
	p.Read(d.params, 0, 4)
	return p.Submit()
}

// Bytes returns the bytes the matrix takes on the device.
func (w *Weights) Bytes() int {
	n := 0
	for _, p := range w.parts {
		n += p.buf.size
	}
	return n
}

// Destroy frees the matrix.
func (w *Weights) Destroy() {
	for _, p := range w.parts {
		p.buf.Destroy()
	}
	w.parts = nil
}

// Types returns the types of the parts, each once.
func (w *Weights) Types() []layout.WeightType {
	var types []layout.WeightType
	for _, p := range w.parts {
		if !slices.Contains(types, p.typ) {
			types = append(types, p.typ)
		}
	}
	return types
}

// reader names the shader file that reads this type.
func (p weightPart) reader() string { return "weights_" + p.typ.String() }
