package main

// reloadOnHangup does nothing: there is no SIGHUP.
func (p *process) reloadOnHangup() (stop func()) { return func() {} }
