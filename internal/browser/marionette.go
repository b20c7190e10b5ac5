//go:build !js

package browser

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// marionette is a connection to a Firefox, over which tests drive it: WebDriver's commands
// as JSON, each with its length and a colon before it.
//
//	23:[0,1,"WebDriver:Back",{}]        a command: 0, its number, name and parameters
//	14:[1,1,null,{...}]                 its answer: 1, its number, an error and the result
//
// One command is on its way at a time.
type marionette struct {
	mutex sync.Mutex
	conn  net.Conn
	in    *bufio.Reader
	last  int // command
}

// dial connects to a Firefox that listens on a port of this machine, and begins a session.
func dial(port int, deadline time.Time) (*marionette, error) {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	m := &marionette{conn: conn, in: bufio.NewReader(conn)}
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	if _, err := m.receive(); err != nil { // it says who it is
		return nil, err
	}
	_, err = m.do("WebDriver:NewSession", map[string]any{})
	return m, err
}

// do gives a command and returns its result.
func (m *marionette) do(name string, parameters map[string]any) (json.RawMessage, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.last++
	text, err := json.Marshal([]any{0, m.last, name, parameters})
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(m.conn, "%d:%s", len(text), text); err != nil {
		return nil, err
	}
	answer, err := m.receive()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var fault *struct{ Message, Stacktrace string }
	var kind, number int
	var result json.RawMessage
	if err := json.Unmarshal(answer, &[]any{&kind, &number, &fault, &result}); err != nil {
		return nil, fmt.Errorf("%s: the answer %.200s: %w", name, answer, err)
	}
	switch {
	case kind != 1 || number != m.last:
		return nil, fmt.Errorf("%s: the answer %.200s is none to command %d", name, answer, m.last)
	case fault != nil:
		return nil, fmt.Errorf("%s: %s\n%s", name, fault.Message, fault.Stacktrace)
	}
	return result, nil
}

// value gives a command and returns the value in its result.
func (m *marionette) value(name string, parameters map[string]any) (string, error) {
	text, err := m.do(name, parameters)
	if err != nil {
		return "", err
	}
	var result struct{ Value string }
	err = json.Unmarshal(text, &result)
	return result.Value, err
}

func (m *marionette) receive() ([]byte, error) {
	length, err := m.in.ReadString(':')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(length[:len(length)-1])
	if err != nil {
		return nil, fmt.Errorf("the length of a message: %w", err)
	}
	message := make([]byte, n)
	_, err = io.ReadFull(m.in, message)
	return message, err
}
