package client

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/oauth2"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/atomicfile"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/entra"
)

// EndpointDeviceCode is the call with which [SignIn] asks for a code. It is none
// of [Endpoints], because a [Client] never makes it.
const EndpointDeviceCode Endpoint = "devicecode"

// DeviceCode is what a user needs to sign in, on any device with a browser.
type DeviceCode struct {
	// UserCode is what the user enters there.
	UserCode string
	// VerificationURL is the page to open.
	VerificationURL string
	// Expires is when the code can no longer be entered.
	Expires time.Time
}

// SignIn gets a refresh token by the device code flow of OAuth 2.0. It calls show
// once with the code that the user has to enter, waits until the user has signed
// in, and writes the refresh token to [Config.RefreshTokenFile], which other users
// cannot read then, or to [Config.RefreshTokens]. The file need not exist; its folder
// has to be writable, which is tried before the user is prompted. The application may
// be a public client.
//
// SignIn ends with the context and with the code. While it waits, it goes on
// after failures that may pass, such as those of the network.
//
// It fails with an [*Error] if the authority refuses, the user declines, the code
// expires or the context ends, and with another error if an address or a file is
// wrong. The file is then as it was before.
func SignIn(ctx context.Context, cfg Config, show func(DeviceCode)) error {
	if err := cfg.checkRequired(); err != nil {
		return err
	}
	if _, err := ParseBaseURL(cfg.Cloud.LoginURL); err != nil {
		return fmt.Errorf("login address: %w", err)
	}
	if err := cfg.checkStorable(); err != nil {
		return err
	}
	if err := cfg.credential().Check(); err != nil {
		return fileError(err)
	}
	cfg = cfg.withDefaults()
	observed := &observer{base: cfg.Transport, clockSkew: &clockSkew{}, trace: cfg.Trace, logger: cfg.Logger}
	refresh, err := entra.SignIn(ctx, cfg.authority(observed), func(code oauth2.DeviceAuthResponse) {
		show(DeviceCode{UserCode: code.UserCode, VerificationURL: code.VerificationURI, Expires: code.Expiry})
	})
	if err != nil {
		return tokenError(err)
	}
	if err := cfg.storeRefreshToken(ctx, refresh); err != nil {
		return fmt.Errorf("the sign-in succeeded, but the refresh token cannot be stored: %w", err)
	}
	return nil
}

// checkStorable checks, as far as that is possible without a token, that one can be
// stored.
func (cfg Config) checkStorable() error {
	if cfg.RefreshTokens != nil {
		return nil
	}
	if err := atomicfile.Probe(cfg.RefreshTokenFile); err != nil {
		return &ConfigError{"RefreshTokenFile", fmt.Errorf("the refresh token cannot be stored: %w", err)}
	}
	return cfg.checkOverlap()
}

func (cfg Config) storeRefreshToken(ctx context.Context, refresh string) error {
	if cfg.RefreshTokens != nil {
		return cfg.RefreshTokens.Save(ctx, refresh)
	}
	return atomicfile.Write(cfg.RefreshTokenFile, []byte(refresh+"\n"))
}
