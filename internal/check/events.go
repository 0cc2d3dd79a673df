package check

var eventRules = []*Rule{}
