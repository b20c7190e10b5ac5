module keyfold

go 1.25

ignore ./node_modules

require (
	github.com/cogentcore/webgpu v0.23.0 // indirect
	github.com/hack-pad/safejs v0.1.0 // indirect
	github.com/x448/float16 v0.8.4 // indirect
)
