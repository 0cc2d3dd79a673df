package contract_test

import (
	"context"
	"testing"
	"testing/fstest"

	"github.com/treaty-events/treaty/contract"
)

func TestSameSchema(t *testing.T) {
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"{type: object, properties: {n: {type: integer}}}", "{properties: {n: {description: How many., type: [integer]}}, type: object, title: Paid}", true},
		{"{type: integer, minimum: 1}", "{allOf: [{type: integer}, {type: number, minimum: 1}]}", true},
		{"{type: integer, minimum: 1}", "{type: integer, exclusiveMinimum: 0}", true},
		{"{type: integer}", "{type: number}", false},
		{"{type: number}", "{type: integer}", false},
		{"{type: string, format: date}", "{type: string}", false},
		{"{type: object}", "{type: object, required: [a]}", false},
		// The same text, and another schema: each file has a part of this name.
		{"{$ref: 'one.yaml#/payload'}", "{$ref: 'other.yaml#/payload'}", false},
		{"{schemaFormat: 'application/schema+json;version=draft-2020-12', schema: {type: integer}}", "{type: integer}", true},
		{"{schemaFormat: 'application/vnd.apache.avro;version=1.9.0', schema: {type: int}}", "{type: integer}", false},
		{"{schemaFormat: 'application/vnd.apache.avro;version=1.9.0', schema: {type: int}}", "{schemaFormat: 'application/vnd.apache.avro;version=1.9.0', schema: {type: int}}", true},
		{"{schemaFormat: 'application/vnd.apache.avro;version=1.9.0', schema: {type: int}}", "{schemaFormat: 'application/vnd.apache.avro;version=1.9.0', schema: {type: long}}", false},
		{"{schemaFormat: 'application/vnd.google.protobuf;version=3', schema: 'message A {}'}", "{schemaFormat: 'application/vnd.google.protobuf;version=3', schema: 'message B {}'}", false},
	} {
		files := fstest.MapFS{
			"c.yaml":     {Data: []byte("asyncapi: 3.1.0\ninfo: {title: T, version: 1.0.0}\nchannels:\n  c:\n    messages:\n      a: {payload: " + test.a + "}\n      b: {payload: " + test.b + "}\n      none: {}\n")},
			"one.yaml":   {Data: []byte("payload: {type: array, items: {$ref: '#/part'}}\npart: {type: string}\n")},
			"other.yaml": {Data: []byte("payload: {type: array, items: {$ref: '#/part'}}\npart: {type: integer}\n")},
		}
		c, _, err := contract.Load(context.Background(), "c.yaml", contract.Options{FS: files})
		if err != nil {
			t.Fatal(err)
		}
		m := c.Channels[0].Messages
		for range 2 {
			if got := c.SameSchema(m[0].Payload, m[1].Payload); got != test.same {
				t.Errorf("%s and %s: the same is %v", test.a, test.b, got)
			}
			m[0], m[1] = m[1], m[0]
		}
		if c.SameSchema(m[0].Payload, m[2].Payload) || c.SameSchema(m[2].Payload, m[0].Payload) || !c.SameSchema(m[2].Payload, m[2].Payload) {
			t.Error("no schema is one")
		}
	}
}
