package rootbound

func (d *Dir) clearLeftovers() {}
