package check

var documentationRules = []*Rule{}
