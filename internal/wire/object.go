package wire

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Object is a JSON object whose fields are decoded one by one, so that an odd field
// need not cost the others.
type Object map[string]json.RawMessage

// field returns a field by its documented name, or in another case if that is absent:
// encoding/json lets a key in another case override the documented one. It returns
// nil if the field is absent or null.
func (o Object) field(name string) json.RawMessage {
	raw, ok := o[name]
	if !ok {
		var variants []string
		for key := range o {
			if strings.EqualFold(key, name) {
				variants = append(variants, key)
			}
		}
		if len(variants) == 0 {
			return nil
		}
		raw = o[slices.Min(variants)]
	}
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// Decode decodes a field, and leaves the value as it is if the field is absent or
// null. After an error it is zero.
func (o Object) Decode(name string, into any) error {
	raw := o.field(name)
	if raw == nil {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		reflect.ValueOf(into).Elem().SetZero() // A pointer may have got a 0.
		return fmt.Errorf("%s: %w", name, JSONError(err))
	}
	return nil
}

// DecodeAll decodes several fields, and returns the first error.
func (o Object) DecodeAll(fields map[string]any) error {
	for _, name := range sortedKeys(fields) {
		if err := o.Decode(name, fields[name]); err != nil {
			return err
		}
	}
	return nil
}

// DecodeEach decodes each field that has the documented form, and returns the names
// of the others in their order.
func (o Object) DecodeEach(fields map[string]any) (odd []string) {
	for _, name := range sortedKeys(fields) {
		if o.Decode(name, fields[name]) != nil {
			odd = append(odd, name)
		}
	}
	return odd
}

func sortedKeys(fields map[string]any) []string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
