package chat

import (
	"fmt"
	"strings"

	"keyfold/engine/tokenizer"
)

// choose returns the template that is known from its family. In a browser there is no other way.
func choose(_ string, _ *tokenizer.Tokenizer, known *Template) (*Template, error) {
	if known == nil {
		return nil, fmt.Errorf("the chat template is of no family that the page knows (%s); "+
			"the keyfold command runs it, and the prompt can be written as free text", familyNames())
	}
	return known, nil
}

// familyNames lists the families for a message.
func familyNames() string {
	var names []string
	for _, f := range families {
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}
