package client

// Cloud is one of the national clouds that Partner Center runs in. Its three
// parts belong together: a token from one cloud's authority is worth nothing to
// another cloud's API.
type Cloud struct {
	// Name is what the cloud is called on a command line.
	Name string
	// APIURL is the base of the Partner Center API, without "/v1".
	APIURL string
	// LoginURL is the authority that issues tokens.
	LoginURL string
	// Scope is the scope of a token request. It stays the cloud's own when APIURL
	// points to a proxy, since the authority knows only the real API.
	Scope string
}

// Clouds returns the clouds that are open to partners. US Government shares the
// global API and differs in its authority.
func Clouds() []Cloud {
	const (
		global = "https://api.partnercenter.microsoft.com"
		china  = "https://partner.partnercenterapi.microsoftonline.cn"
	)
	return []Cloud{
		{Name: "global", APIURL: global, LoginURL: "https://login.microsoftonline.com", Scope: scope(global)},
		{Name: "usgov", APIURL: global, LoginURL: "https://login.microsoftonline.us", Scope: scope(global)},
		{Name: "china", APIURL: china, LoginURL: "https://login.chinacloudapi.cn", Scope: scope(china)},
	}
}

// CloudByName returns the cloud of that name, and whether there is one.
func CloudByName(name string) (Cloud, bool) {
	for _, cloud := range Clouds() {
		if cloud.Name == name {
			return cloud, true
		}
	}
	return Cloud{}, false
}

// scope requests every permission that was consented to, and for a refresh
// token beside the access token.
func scope(apiURL string) string { return apiURL + "/.default offline_access" }
