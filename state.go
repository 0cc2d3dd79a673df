package treaty

func (c *Consumer) openStore() error { return usage("no store") }
