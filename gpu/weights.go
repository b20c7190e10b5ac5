package gpu

import (
	"fmt"

	"keyfold/layout"
)

// Weights is a (Rows, Cols) matrix resident on the device, in the layout of
// [layout.Weights]. A matrix larger than one binding lies in several buffers, each
// with some of the rows.
type Weights struct {
	Type       layout.WeightType
	Rows, Cols int
	parts      []weightPart
}

type weightPart struct {
	row0, rows int
	scales     int // word at which the scales begin
	buf        *Buffer
}

// RowsPerUpload is the multiple of rows in which Upload takes a matrix: so that
// no word holds scales of two uploads.
const RowsPerUpload = 2

// NewWeights allocates a matrix. It is written by Upload.
func (d *Device) NewWeights(label string, t layout.WeightType, rows, cols int) (*Weights, error) {
	w := &Weights{Type: t, Rows: rows, Cols: cols}
	per := rows
	for n := 1; ; n++ {
		per = divUp(divUp(rows, n), RowsPerUpload) * RowsPerUpload
		if 4*(t.QuantWords(per, cols)+t.ScaleWords(per, cols)) <= d.Limits.BindingBytes {
			break
		}
		if per == RowsPerUpload {
			return nil, fmt.Errorf("%s: %d columns of type %v do not fit into a binding of %d bytes",
				label, cols, t, d.Limits.BindingBytes)
		}
	}
	for row0 := 0; row0 < rows; row0 += per {
		n := min(per, rows-row0)
		scales := t.QuantWords(n, cols)
		buf, err := d.NewBuffer(label, 4*(scales+t.ScaleWords(n, cols)))
		if err != nil {
			w.Destroy()
			return nil, err
		}
		w.parts = append(w.parts, weightPart{row0: row0, rows: n, scales: scales, buf: buf})
	}
	return w, nil
}

// Upload writes rows row0 .. row0+src.Rows of the matrix. row0 is a multiple of
// [RowsPerUpload], and so is src.Rows except at the end of the matrix.
func (w *Weights) Upload(row0 int, src *layout.Weights) error {
	if src.Type != w.Type || src.Cols != w.Cols || row0%RowsPerUpload != 0 || row0+src.Rows > w.Rows ||
		(src.Rows%RowsPerUpload != 0 && row0+src.Rows != w.Rows) {
		return fmt.Errorf("upload of (%d, %d) weights of type %v at row %d of (%d, %d) of type %v",
			src.Rows, src.Cols, src.Type, row0, w.Rows, w.Cols, w.Type)
	}
	quants := src.Type.QuantWords(src.Rows, src.Cols)
	for _, p := range w.parts {
		from, to := max(row0, p.row0), min(row0+src.Rows, p.row0+p.rows)
		if from >= to {
			continue
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
	}
	return nil
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

// reader names the shader file that reads this type.
func (w *Weights) reader() string { return "weights_" + w.Type.String() }
