package live

import "github.com/treaty-events/treaty/contract"

// Parameters are the values with which Dev fills in what the addresses of a contract
// leave open, where given does not say.
func Parameters(c *contract.Contract, given map[string]string) map[string]string {
	return parameters(c, given)
}
