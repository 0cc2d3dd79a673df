package check

var deliveryRules = []*Rule{}
