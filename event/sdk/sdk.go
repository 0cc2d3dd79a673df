// Package sdk converts between the events of treaty and those of the
// CloudEvents SDK for Go. It is a package of its own so that only who uses both
// links both.
package sdk

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"unicode/utf8"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/treaty-events/treaty/event"
)

// From makes an event of one of the SDK, of any version of the specification
// that the SDK knows. Its data is shared. An event that is not valid is an error.
func From(given *cloudevents.Event) (*event.Event, error) {
	e := &event.Event{
		ID: given.ID(), Source: given.Source(), Type: given.Type(), Subject: given.Subject(), Time: given.Time(),
		DataContentType: given.DataContentType(), DataSchema: given.DataSchema(), Data: given.Data(),
	}
	for name, v := range given.Extensions() {
		value, err := valueOf(v)
		if err != nil {
			return nil, fmt.Errorf("extension %s: %w", name, err)
		}
		e.Extensions.Set(name, value)
	}
	return e, e.Validate()
}

func valueOf(v any) (event.Value, error) {
	switch v := v.(type) {
	case bool:
		return event.BooleanValue(v), nil
	case int32:
		return event.IntegerValue(v), nil
	case []byte:
		return event.BinaryValue(v), nil
	}
	s, err := types.Format(v)
	return event.TextValue(s), err
}

// To makes an event of the SDK. Its data is shared. An event that is not valid
// is an error.
func To(e *event.Event) (*cloudevents.Event, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	made := cloudevents.New(event.SpecVersion)
	made.SetID(e.ID)
	made.SetSource(e.Source)
	made.SetType(e.Type)
	if e.Subject != "" {
		made.SetSubject(e.Subject)
	}
	if e.DataSchema != "" {
		made.SetDataSchema(e.DataSchema)
	}
	if e.DataContentType != "" {
		made.SetDataContentType(e.DataContentType)
	}
	if !e.Time.IsZero() {
		made.SetTime(e.Time)
	}
	for _, x := range e.Extensions {
		switch x.Value.Kind() {
		case event.Boolean:
			made.SetExtension(x.Name, x.Value.String() == "true")
		case event.Integer:
			n, _ := strconv.ParseInt(x.Value.String(), 10, 32)
			made.SetExtension(x.Name, int32(n))
		case event.Binary:
			b, _ := base64.StdEncoding.DecodeString(x.Value.String())
			made.SetExtension(x.Name, b)
		default:
			made.SetExtension(x.Name, x.Value.String())
		}
	}
	made.DataEncoded, made.DataBase64 = e.Data, !utf8.Valid(e.Data)
	return &made, made.Validate()
}
