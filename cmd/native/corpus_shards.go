//go:build !js

package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"keyfold/corpus"
	"keyfold/engine/tokenizer"
	"keyfold/internal/output"
)

// writeShards writes the documents as token ids: all files or none.
func (c *corpusBatches) writeShards(ctx context.Context, folder string) error {
	if c.tok.BOS() < 0 || c.tok.EOS() < 0 {
		return fmt.Errorf("-shards: this tokenizer has no id that begins, or none that ends a text")
	}
	if c.tok.VocabSize() > 1<<16 {
		return fmt.Errorf("-shards: this tokenizer has %d tokens, two bytes hold %d", c.tok.VocabSize(), 1<<16)
	}
	if err := output.CheckFolder("-shards", folder); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if old, _ := filepath.Glob(filepath.Join(folder, "*.tokens")); len(old) > 0 {
		return fmt.Errorf("-shards: %s is there already", old[0])
	}
	s := shards{folder: folder}
	err := s.writeAll(ctx, c)
	if err != nil {
		for _, path := range s.written {
			os.Remove(path)
		}
	}
	return err
}

// shards writes the files of one number after the other.
type shards struct {
	folder  string
	number  int      // of the next files
	written []string // paths

	// What the next files will hold.
	ids     []byte // two for a token
	weights []byte
	docs    []byte
}

// encoded is a document as token ids.
type encoded struct {
	ids     []int
	weights []byte
}

// writeAll writes all documents.
func (s *shards) writeAll(ctx context.Context, c *corpusBatches) error {
	var batch [corpusBatch]encoded
	encode := func(place int, d corpus.Document) (err error) {
		batch[place].ids, batch[place].weights, err = encodeDocument(c.tok, d)
		return err
	}
	done := 0
	err := c.each(ctx, encode, func(d corpus.Document) error {
		e := batch[done%corpusBatch]
		done++
		return s.add(d, e)
	})
	if err != nil {
		return err
	}
	return s.flush()
}

// add adds a document to the next files, or begins new ones if it does not fit.
func (s *shards) add(d corpus.Document, e encoded) error {
	if len(s.weights) > 0 && len(s.weights)+len(e.ids) > shardTokens {
		if err := s.flush(); err != nil {
			return err
		}
	}
	line := docLine{d.Task, d.Seed, len(s.weights), len(s.weights) + len(e.ids), []askLine{}}
	for _, a := range d.Asks {
		line.Asks = append(line.Asks, askLine{a.Kind, a.Guess})
	}
	described, err := json.Marshal(line)
	if err != nil {
		return err
	}
	s.docs = append(append(s.docs, described...), '\n')
	s.weights = append(s.weights, e.weights...)
	for _, id := range e.ids {
		s.ids = binary.LittleEndian.AppendUint16(s.ids, uint16(id))
	}
	return nil
}

// flush writes the three files of a number.
func (s *shards) flush() error {
	for _, file := range []struct {
		ending string
		data   []byte
	}{{"docs", s.docs}, {"weights", s.weights}, {"tokens", s.ids}} {
		path := filepath.Join(s.folder, fmt.Sprintf("%04d.%s", s.number, file.ending))
		err := output.Write(path, nil, func(w io.Writer) error {
			_, err := w.Write(file.data)
			return err
		})
		if err != nil {
			return err
		}
		s.written = append(s.written, path)
	}
	s.number++
	s.ids, s.weights, s.docs = s.ids[:0], s.weights[:0], s.docs[:0]
	return nil
}

// docLine describes a document in a shard.
type docLine struct {
	Task string    `json:"task"`
	Seed uint64    `json:"seed"`
	From int       `json:"from"`
	To   int       `json:"to"`
	Asks []askLine `json:"asks"`
}

// askLine describes a question of a document.
type askLine struct {
	Kind  string  `json:"kind"`
	Guess float64 `json:"guess"`
}

// encodeDocument returns the ids of a document between BOS and EOS, and for
// every id the number of the question that it answers, from 1 on, or 0.
func encodeDocument(tok *tokenizer.Tokenizer, d corpus.Document) (ids []int, weights []byte, err error) {
	text := d.Text()
	if ids, err = tok.Encode(text, true); err != nil {
		return nil, nil, err
	}
	// Where every token begins in the text, and where the text ends.
	begins := make([]int, 0, len(ids)+1)
	stream := tok.Stream()
	end := 0
	for _, id := range ids {
		begins = append(begins, end)
		end += len(stream.Next(id))
	}
	begins = append(begins, end)
	if end != len(text) {
		return nil, nil, fmt.Errorf("the ids of a document of seed %d are not its text", d.Seed)
	}
	weights = make([]byte, len(ids), len(ids)+1)
	from, token := len(d.Context), 0
	for i, a := range d.Asks {
		from += len(a.Question)
		to := from + len(a.Answer)
		for begins[token] < from {
			token++
		}
		first := token
		for begins[token] < to {
			weights[token] = byte(min(i+1, 255))
			token++
		}
		if begins[first] != from || begins[token] != to {
			return nil, nil, fmt.Errorf("this tokenizer joins the answer %q with what is around it", a.Answer)
		}
		from = to + 1 // the newline
	}
	return append(ids, tok.EOS()), append(weights, 0), nil
}
