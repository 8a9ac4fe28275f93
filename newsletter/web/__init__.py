"""The doors on the web: the public site for subscribers, the console for staff; two apps on two host names."""
