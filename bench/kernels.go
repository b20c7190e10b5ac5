//go:build !js

package bench

import (
	"math"

	"keyfold/engine"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// KernelReport is what Compare measured: all kernels that do the same task, on the
// model's own matrices and on a cache of so many slots.
type KernelReport struct {
	Date    string               `json:"date"`
	Machine string               `json:"machine"`
	Version engine.VersionReport `json:"version"`
	Model   engine.ModelReport   `json:"model"`
	Device  engine.DeviceReport  `json:"device"`
	KV      string               `json:"kv"`
	Slots   int                  `json:"slots"`
	Tasks   []Task               `json:"tasks"`

	kv layout.CacheType
}

// Task compares the kernels that do a task. Table is the one that the table of
// adapter types takes on this device. Fastest is the same, unless another kernel takes
// less than nine tenths of its time: a smaller difference could be noise.
type Task struct {
	Task    string  `json:"task"`
	Table   string  `json:"table"`
	Fastest string  `json:"fastest"`
	Times   []Trial `json:"times"` // the table's first
}

// Trial is what a kernel took for the task's sample, or why it did not run.
type Trial struct {
	Kernel string  `json:"kernel"`
	MS     float64 `json:"ms,omitempty"`
	Error  string  `json:"error,omitempty"`
}

// NewKernelReport returns a report that says what will be compared, and no times.
func NewKernelReport(e *engine.Engine, f *checkpoint.File, kv layout.CacheType, slots int) (*KernelReport, error) {
	sum, err := f.SHA256()
	if err != nil {
		return nil, err
	}
	return &KernelReport{
		Date: now(), Machine: machine(), Version: engine.Version(), Model: e.DescribeModel(f.Model, sum), Device: e.Device.Describe(), KV: kv.String(), Slots: slots, kv: kv,
	}, nil
}

// Compare times the kernels of every task. It hands on each task's times as they
// come, because a software adapter takes minutes for all.
func (r *KernelReport) Compare(e *engine.Engine, each func(Task)) error {
	return e.TimeKernels(r.kv, r.Slots, func(times engine.TaskTimes) {
		task := NewTask(times)
		r.Tasks = append(r.Tasks, task)
		each(task)
	})
}

// NewTask compares times, of which the first is the table's kernel's.
func NewTask(t engine.TaskTimes) Task {
	task := Task{Task: t.Task, Table: t.Times[0].Kernel, Fastest: t.Times[0].Kernel}
	least := 0.9 * t.Times[0].Time.Seconds()
	if t.Times[0].Err != nil {
		least = math.Inf(1)
	}
	for _, v := range t.Times {
		trial := Trial{Kernel: v.Kernel, MS: 1e3 * v.Time.Seconds()}
		if v.Err != nil {
			trial.Error = v.Err.Error()
		} else if v.Time.Seconds() < least {
			task.Fastest, least = v.Kernel, v.Time.Seconds()
		}
		task.Times = append(task.Times, trial)
	}
	return task
}
