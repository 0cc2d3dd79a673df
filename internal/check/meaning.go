package check

var meaningRules = []*Rule{}
