package cli

import (
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// manifest has what the test reads of a StatefulSet or a Service.
type manifest struct {
	Kind     string `yaml:"kind"`
	Metadata struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
	Spec struct {
		ClusterIP   string `yaml:"clusterIP"`
		Selector    any    `yaml:"selector"`
		ServiceName string `yaml:"serviceName"`
		Template    struct {
			Metadata struct {
				Labels map[string]any `yaml:"labels"`
			} `yaml:"metadata"`
			Spec struct {
				Containers []container `yaml:"containers"`
				Volumes    []named     `yaml:"volumes"`
			} `yaml:"spec"`
		} `yaml:"template"`
		Claims []struct {
			Metadata named `yaml:"metadata"`
		} `yaml:"volumeClaimTemplates"`
	} `yaml:"spec"`
}

type named struct {
	Name string `yaml:"name"`
}

type container struct {
	Args  []string `yaml:"args"`
	Env   []named  `yaml:"env"`
	Ports []struct {
		Name          string `yaml:"name"`
		ContainerPort int    `yaml:"containerPort"`
	} `yaml:"ports"`
	Mounts []struct {
		Name string `yaml:"name"`
		Path string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

// Each StatefulSet of the pages has its headless Service, a volume for each file of a
// flag, a bootstrap refresh token to begin with, and arguments that the program
// accepts: it stops at the token that this machine lacks.
func TestDocsStatefulSets(t *testing.T) {
	for _, page := range []string{"docs/setup.md", "docs/operations.md"} {
		service, set := statefulSet(t, page)
		if service.Metadata.Name != set.Spec.ServiceName || service.Spec.ClusterIP != "None" {
			t.Errorf("%s: the Service %s has the address %q, want a headless one with the name %s", page, service.Metadata.Name, service.Spec.ClusterIP, set.Spec.ServiceName)
		}
		selector, _ := service.Spec.Selector.(map[string]any)
		if len(selector) == 0 || selector["app"] != set.Spec.Template.Metadata.Labels["app"] {
			t.Errorf("%s: the Service selects %v, the pods have %v", page, selector, set.Spec.Template.Metadata.Labels)
		}
		c := set.Spec.Template.Spec.Containers[0]
		checkMounts(t, page, set, c)
		args := expandEnv(t, page, c)
		var stdout, stderr strings.Builder
		status := Run(t.Context(), args, &stdout, &stderr)
		want := "azure_csp_exporter: error: --partner.refresh-token-file: stat /state/refresh-token: no such file or directory; " +
			"--partner.bootstrap-refresh-token-file: stat /bootstrap/"
		if status != exitFailed || !strings.HasPrefix(stderr.String(), want) {
			t.Errorf("%s: %v ends with %d, %s", page, args, status, stderr.String())
		}
	}
}

// statefulSet returns the only StatefulSet of a page, and the Service before it.
func statefulSet(t *testing.T, page string) (service, set manifest) {
	t.Helper()
	_, after, found := strings.Cut(file(t, page), "```yaml\napiVersion: v1\nkind: Service\n")
	block, _, closed := strings.Cut(after, "```")
	if !found || !closed {
		t.Fatalf("%s has no Service", page)
	}
	decoder := yaml.NewDecoder(strings.NewReader("kind: Service\n" + block))
	var rest manifest
	if err := errors.Join(decoder.Decode(&service), decoder.Decode(&set)); err != nil || set.Kind != "StatefulSet" || len(set.Spec.Template.Spec.Containers) != 1 {
		t.Fatalf("%s: %v, %q", page, err, set.Kind)
	}
	if err := decoder.Decode(&rest); !errors.Is(err, io.EOF) {
		t.Errorf("%s: %v", page, err)
	}
	return service, set
}

// checkMounts checks that each file of a flag is on a volume that exists.
func checkMounts(t *testing.T, page string, set manifest, c container) {
	t.Helper()
	volumes := slices.Clone(set.Spec.Template.Spec.Volumes)
	for _, claim := range set.Spec.Claims {
		volumes = append(volumes, claim.Metadata)
	}
	var folders []string
	for _, mount := range c.Mounts {
		folders = append(folders, mount.Path+"/")
		if !slices.Contains(volumes, named{mount.Name}) {
			t.Errorf("%s: there is no volume %s", page, mount.Name)
		}
	}
	for _, arg := range c.Args {
		_, file, isFile := strings.Cut(arg, "=/")
		if isFile && !slices.ContainsFunc(folders, func(folder string) bool { return strings.HasPrefix("/"+file, folder) }) {
			t.Errorf("%s: %s is on no volume", page, arg)
		}
	}
	if len(c.Ports) != 1 || c.Ports[0].Name != "metrics" || c.Ports[0].ContainerPort != 10058 {
		t.Errorf("%s: the ports are %v", page, c.Ports)
	}
}

// expandEnv returns the arguments with the variables of the container.
func expandEnv(t *testing.T, page string, c container) []string {
	t.Helper()
	var args []string
	for _, arg := range c.Args {
		for _, name := range regexp.MustCompile(`\$\((\w+)\)`).FindAllStringSubmatch(arg, -1) {
			if !slices.Contains(c.Env, named{name[1]}) {
				t.Errorf("%s: %s has a variable that is not set", page, arg)
			}
		}
		args = append(args, strings.NewReplacer("$(SHARD)", "3", "$(POD)", "azure-csp-exporter-3").Replace(arg))
	}
	return args
}
