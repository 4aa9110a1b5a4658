// Monitoring mixin of azure_csp_exporter: its dashboards, recording rules and
// alerts. Without changes to _config it returns the files of this folder. It needs
// go-jsonnet: the C++ implementation fails to parse the YAML files. Usage:
//
//   local mixin = (import 'mixin.libsonnet') + {
//     _config+:: { selector: 'job="csp"', budgetNearlyUsedRatio: 0.9 },
//   };
//   std.manifestYamlDoc(mixin.prometheusAlerts)
//
// The files stay usable without Jsonnet, so they contain the default values.
// This file replaces those, and fails if one of them is not found.

local defaults = {
  // Label matchers for every scraped metric in rules, alerts and dashboards.
  // Recording rules keep the label job, but no other label of the target.
  selector: '',

  // Thresholds of the alerts. The colours of the dashboards do not depend on them.
  budgetNearlyUsedRatio: 0.8,  // used share of the budget
  costSpikeFactor: 4,  // last 24 hours over the daily mean of the week before
  costSpikeMinimum: 10,  // cost of the last 24 hours, in the billing currency
  upstreamQuietDays: 3,  // since Microsoft changed any usage
  notRefreshingHours: 3,  // since the last complete refresh
  throttledRatio: 0.1,  // share of requests rejected with status 429
  refreshTokenAgeDays: 60,  // a token expires after 90 days without use
  certificateExpiryDays: 30,  // until the client certificate expires
};

// The part of an alert's expression that contains a threshold. It includes the
// character after the number, so that 0.8 is not found in 0.85. After days without
// new figures, the spike alert allows one daily mean for each of them, the factor
// less one in addition.
local thresholds = {
  AzureCSPBudgetNearlyUsed: ['> %(budgetNearlyUsedRatio).12g\n'],
  AzureCSPCostSpike: ['> %(costSpikeMinimum).12g)', '%(costSpikeFactor).12g * max', '(%(costSpikeFactorLessOne).12g + '],
  AzureCSPUpstreamQuiet: ['> %(upstreamQuietDays).12g * 86400\n'],
  AzureCSPNotRefreshing: ['> %(notRefreshingHours).12g * 3600 or'],
  AzureCSPThrottled: ['> %(throttledRatio).12g\n'],
  AzureCSPRefreshTokenOld: ['> %(refreshTokenAgeDays).12g * 86400\n'],
  AzureCSPCertificateExpiring: ['< %(certificateExpiryDays).12g * 86400\n'],
};

local alerts =
  local file = std.parseYaml(importstr 'rules/azure_csp.alerts.yml');
  local names = std.set([rule.alert for group in file.groups for rule in group.rules]);
  local unknown = std.setDiff(std.objectFields(thresholds), names);
  assert unknown == [] : 'no alert %s' % std.join(', ', unknown);
  file;

local withDerived(config) = config { costSpikeFactorLessOne: config.costSpikeFactor - 1 };

local withThresholds(config, name, expr) =
  local replace(expr, template) =
    local default = template % withDerived(defaults);
    assert std.length(std.findSubstr(default, expr)) == 1 :
           'alert %s: expected "%s" once in: %s' % [name, std.strReplace(default, '\n', ''), expr];
    std.strReplace(expr, default, template % withDerived(config));
  local line = std.foldl(replace, std.get(thresholds, name, []), expr + '\n');
  std.substr(line, 0, std.length(line) - 1);

// Scraped metrics that do not begin with azure_csp_. Names of recording rules begin
// with their level of aggregation instead, as in customer:azure_csp_...
local otherMetrics = ['up', 'scrape_duration_seconds', 'process_resident_memory_bytes', 'promhttp_metric_handler_requests_total'];
local isScraped(word) = std.member(otherMetrics, word) || std.startsWith(word, 'azure_csp_');

// withSelector adds the selector to every scraped metric in an expression. It handles
// each character on its own: a fold over a long expression exceeds the stack.
local withSelector(selector, expr) =
  local chars = std.stringChars(expr);
  local isNameCharacter = {
    [c]: true
    for c in std.stringChars('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:')
  };
  local isName(i) = i >= 0 && i < std.length(chars) && std.objectHas(isNameCharacter, chars[i]);
  local first(i) = if isName(i - 1) then first(i - 1) else i;
  local end(i) = if isName(i) then end(i + 1) else i;
  local render(i) =
    if isName(i) then
      if isName(i - 1) then ''
      else
        local next = end(i);
        local name = std.substr(expr, i, next - i);
        local hasMatchers = next < std.length(chars) && chars[next] == '{';
        if isScraped(name) && !hasMatchers then '%s{%s}' % [name, selector] else name
    else if chars[i] == '{' && isName(i - 1) && isScraped(std.substr(expr, first(i - 1), i - first(i - 1))) then '{%s,' % selector
    else chars[i];
  if selector == '' then expr else std.join('', std.makeArray(std.length(chars), render));

local mapRules(f, file) = {
  groups: [group { rules: [rule { expr: f(rule) } for rule in group.rules] } for group in file.groups],
};

// mapPanels changes the queries of panels, also of those in collapsed rows.
local mapPanels(select, panels) = [
  panel {
    [if std.objectHas(panel, 'targets') then 'targets']: [target { expr: select(target.expr) } for target in panel.targets],
    [if std.objectHas(panel, 'panels') then 'panels']: mapPanels(select, panel.panels),
  }
  for panel in panels
];

local mapDashboard(select, dashboard) = dashboard {
  panels: mapPanels(select, dashboard.panels),
  templating: {
    list: [
      if variable.type == 'query'
      then variable { definition: select(super.definition), query+: { query: select(super.query) } }
      else variable
      for variable in dashboard.templating.list
    ],
  },
};

{
  local config = $._config,
  local select(expr) = withSelector(config.selector, expr),

  _config+:: defaults,

  grafanaDashboards+:: {
    'csp-overview.json': mapDashboard(select, import 'grafana/csp-overview.json'),
    'csp-customer.json': mapDashboard(select, import 'grafana/csp-customer.json'),
    'csp-exporter.json': mapDashboard(select, import 'grafana/csp-exporter.json'),
  },

  prometheusRules+:: mapRules(
    function(rule) select(rule.expr),
    std.parseYaml(importstr 'rules/azure_csp.rules.yml')
  ),

  prometheusAlerts+:: mapRules(
    function(rule) select(withThresholds(config, rule.alert, rule.expr)),
    alerts
  ),
}
