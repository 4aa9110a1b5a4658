package entra

// Hints that other packages share.
const (
	HintLogin      = "run azure_csp_exporter login with the same flags"
	HintSignIn     = HintLogin + " and sign in as a partner user with MFA"
	HintExemptUser = "Conditional Access blocks the sign-in: exempt the user or the address this program runs at"
)

const (
	renewSecret  = "create a new client secret in the app registration and write it to the client secret file"
	register     = "upload the certificate to the app registration, or name the one that is registered there"
	grantConsent = "let an administrator consent to the application's permission on Microsoft Partner Center"
	trustDevice  = "Conditional Access blocks the device of the sign-in: " + HintLogin + " and sign in on a device that it trusts, or exempt the user"
	rightTenant  = "the authority does not know the tenant: check tenant and cloud"
	rightUser    = "the user is not of this tenant: " + HintLogin + " and sign in as a user of the partner's own tenant"
	declareAPI   = "add the permission on Microsoft Partner Center to the app registration, and let an administrator consent to it"
	newCode      = "run azure_csp_exporter login again, and enter the new code before it expires"
)

// Hint returns what to do about an error with this code and name, or "" if that is
// not known.
func Hint(code, name string) string {
	if hint, ok := hintsByCode[code]; ok {
		return hint
	}
	return hintsByName[name]
}

var hintsByCode = map[string]string{
	"AADSTS700082":  "the refresh token died of 90 idle days: " + HintSignIn,
	"AADSTS70000":   "the grant was revoked or expired: " + HintSignIn,
	"AADSTS70008":   "the refresh token expired or was revoked: " + HintSignIn,
	"AADSTS70043":   "the refresh token expired by a policy on the sign-in frequency: exempt the user, and " + HintSignIn,
	"AADSTS700084":  "the refresh token is one of a single-page application, which lives for a day: choose another platform, and " + HintSignIn,
	"AADSTS50132":   "the grant ended with a new or expired password: " + HintSignIn,
	"AADSTS50133":   "the grant ended with a new or expired password: " + HintSignIn,
	"AADSTS9002313": "the refresh token is cut off or none: " + HintSignIn,
	"AADSTS50173":   "the grant was revoked, for instance by a new password: " + HintSignIn,
	"AADSTS50076":   "MFA is needed: " + HintSignIn,
	"AADSTS50078":   "the MFA of the sign-in expired: " + HintSignIn,
	"AADSTS50079":   "the user has to enrol in MFA, then: " + HintSignIn,
	"AADSTS65001":   grantConsent,
	"AADSTS700007":  "the refresh token belongs to another client id: use that id, or " + HintSignIn,
	"AADSTS7000215": "the client secret is wrong: " + renewSecret,
	"AADSTS7000222": "the client secret expired: " + renewSecret,
	"AADSTS7000218": "the application has to prove who it is: give the program its client secret, or choose to allow public client flows in the app registration",
	"AADSTS700016":  "the tenant does not know the application: check client id, tenant and cloud",
	"AADSTS50194":   "the application is for its own tenant only: give that tenant's id or domain",
	"AADSTS90002":   rightTenant,
	"AADSTS900023":  rightTenant,
	"AADSTS50020":   rightUser,
	"AADSTS50034":   rightUser,
	"AADSTS50057":   "the user's account is disabled: enable it, or " + HintLogin + " and sign in as another partner user",
	"AADSTS50105":   "the application is open to assigned users only: assign the user who signs in to it",
	"AADSTS65004":   "the user declined to consent: run azure_csp_exporter login again and accept, or " + grantConsent,
	"AADSTS65005":   declareAPI,
	"AADSTS650057":  declareAPI,
	"AADSTS70018":   "the authority does not know the code: " + newCode,
	"AADSTS70019":   "the code expired before the user signed in: " + newCode,
	"AADSTS50074":   "MFA is needed: " + HintSignIn,
	"AADSTS53000":   trustDevice,
	"AADSTS53001":   trustDevice,
	"AADSTS53002":   "Conditional Access approves of other applications only: exempt this one or the user",
	"AADSTS530036":  "Conditional Access blocks sign-ins by device code: exempt the user from the policy on authentication flows",
	"AADSTS53003":   HintExemptUser,
	"AADSTS700027":  "the certificate is not registered with the application, or its key is another: " + register,
	"AADSTS700024":  "the clock of this machine is wrong: set it",
	"AADSTS700023":  "the assertion is for another address: use the address of the login authority itself",
	"AADSTS90038":   "the application belongs to another national cloud: choose the cloud of the tenant",
	"AADSTS50126":   "user name or password are wrong: " + HintSignIn,
}

// hintsByName has the errors of OAuth 2.0 that come without a code.
var hintsByName = map[string]string{
	"authorization_declined": "the user declined: run azure_csp_exporter login again and accept",
	"access_denied":          "the user or the authority declined: run azure_csp_exporter login again and accept",
	"expired_token":          codeExpired + ": " + newCode,
	"code_expired":           codeExpired + ": " + newCode,
	codeExpired:              newCode,
	"bad_verification_code":  "the authority does not know the code: " + newCode,
	noRefreshToken:           "let the application have offline_access: " + grantConsent + ", then " + HintLogin,
}
