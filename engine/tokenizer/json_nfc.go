//go:build !js

package tokenizer

import (
	"fmt"
	"unicode"
)

// notNFC holds the characters, marks apart, that normalization form C replaces or joins to the one
// before. Ranges at most 8 apart are taken together to keep the table short. The characters are
// those that
//
//	python3 -c 'import unicodedata as u; [print(hex(c)) for c in range(0x110000)
//	    if u.normalize("NFC", chr(c)) != chr(c) and u.category(chr(c))[0] != "M"]'
//
// prints with Unicode 14, and the Hangul vowels and finals U+1161 to U+11FF.
var notNFC = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x0374, 0x0374, 1}, {0x037E, 0x037E, 1}, {0x0387, 0x0387, 1}, {0x0958, 0x095F, 1},
		{0x09DC, 0x09DF, 1}, {0x0A33, 0x0A36, 1}, {0x0A59, 0x0A5E, 1}, {0x0B5C, 0x0B5D, 1},
		{0x0F43, 0x0F43, 1}, {0x0F4D, 0x0F5C, 1}, {0x0F69, 0x0F69, 1}, {0x1161, 0x11FF, 1},
		{0x1F71, 0x1F7D, 1}, {0x1FBB, 0x1FBE, 1}, {0x1FC9, 0x1FEF, 1}, {0x1FF9, 0x2001, 1},
		{0x2126, 0x212B, 1}, {0x2329, 0x232A, 1}, {0x2ADC, 0x2ADC, 1}, {0xF900, 0xFAD9, 1},
		{0xFB1D, 0xFB1F, 1}, {0xFB2A, 0xFB4E, 1},
	},
	R32: []unicode.Range32{
		{0x1D15E, 0x1D164, 1}, {0x1D1BB, 0x1D1C0, 1}, {0x2F800, 0x2FA1D, 1},
	},
}

// refuseNotNFC stands for the NFC normalizer. Nearly all text is in that form already and passes
// unchanged. Text with combining marks or the characters above might not be, and its ids might then
// be wrong; it is refused, since so rare a case is not worth a dependency. The variation selectors
// U+FE00 to U+FE0F, which emoji use, are marks that C never touches.
func refuseNotNFC(text string) error {
	for i, r := range text {
		if 0xFE00 <= r && r <= 0xFE0F {
			continue
		}
		if unicode.In(r, unicode.M, notNFC) {
			return fmt.Errorf("U+%04X at byte %d of the text may need normalizer NFC, "+
				"which is not supported; the model's GGUF does without", r, i)
		}
	}
	return nil
}
