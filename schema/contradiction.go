package schema

import "github.com/treaty-events/treaty/internal/syntax"

func (c *checker) contradictions(n *syntax.Node, d Dialect)       {}
func (c *checker) strange(n, item *syntax.Node, k int, d Dialect) {}
func (c *checker) requiredUndefined(at *scope)                    {}
