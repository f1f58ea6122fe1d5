package doctor

import "slices"

// Platforms returns the names of the platforms that there are repairs for.
func Platforms() (all []string) {
	for _, byPlatform := range repairs {
		for _, r := range byPlatform {
			if !slices.Contains(all, r.Platform) {
				all = append(all, r.Platform)
			}
		}
	}
	slices.Sort(all)
	return all
}

// Platform guesses an exporter's platform from the enterprises (PEN) of the
// elements that it announces, and from the way it counts. It is empty if they
// tell nothing.
func Platform(enterprises []uint32, inclusive bool) string {
	for _, pen := range enterprises {
		if name, ok := vendors[pen]; ok {
			return name
		}
	}
	if inclusive {
		return "softflowd"
	}
	return ""
}

// vendors are the platforms whose exporters announce elements of an enterprise.
// Cisco's are on several; IOS XE is the most usual.
var vendors = map[uint32]string{
	9:     "iosxe",
	2636:  "junos",
	12356: "fortios",
	14988: "routeros",
	25461: "panos",
	30065: "eos",
	43874: "pmacctd",
}

// Repairs returns the lines that repair a finding on a platform; with no
// platform, on all.
func Repairs(id, platform string) (all []Repair) {
	for _, r := range repairs[id] {
		if platform == "" || r.Platform == platform {
			all = append(all, r)
		}
	}
	return all
}

// repairs are lines of configuration, by finding. NAME stands for what the
// operator has called it.
var repairs = map[string][]Repair{
	idActiveTimeout: {
		{"iosxe", []string{"flow monitor NAME", " cache timeout active 60"}},
		{"iosxr", []string{"flow monitor-map NAME", " cache timeout active 60"}},
		{"nxos", []string{"flow timeout active 60"}},
		{"junos", []string{"set services flow-monitoring version-ipfix template NAME flow-active-timeout 60"}},
		{"eos", []string{"flow tracking sampled", " tracker NAME", "  record export on interval 60000"}},
		{"panos", []string{"set shared server-profile netflow NAME active-timeout 1"}},
		{"fortios", []string{"config system netflow", " set active-flow-timeout 60"}},
		{"routeros", []string{"/ip traffic-flow set active-flow-timeout=1m"}},
		{"vyos", []string{"set system flow-accounting netflow timeout max-active-life 60"}},
		{"softflowd", []string{"softflowd -t maxlife=60"}},
		{"pmacctd", []string{"nfprobe_timeouts: maxlife=60"}},
	},
	idTemplatesRare: {
		{"iosxe", []string{"flow exporter NAME", " template data timeout 60"}},
		{"iosxr", []string{"flow exporter-map NAME", " version v9", "  template data timeout 60"}},
		{"nxos", []string{"flow exporter NAME", " version 9", "  template data timeout 60"}},
		{"junos", []string{"set services flow-monitoring version-ipfix template NAME template-refresh-rate seconds 60"}},
		{"eos", []string{"flow tracking sampled", " tracker NAME", "  exporter NAME", "   template interval 60000"}},
		{"panos", []string{"set shared server-profile netflow NAME template-refresh-rate minutes 1"}},
		{"fortios", []string{"config system netflow", " set template-tx-timeout 60"}},
		{"routeros", []string{"/ip traffic-flow target set [find] v9-template-timeout=1m"}},
	},
	idSampling: {
		{"iosxe", []string{"flow exporter NAME", " option sampler-table timeout 60"}},
		{"iosxr", []string{"flow exporter-map NAME", " version v9", "  options sampler-table timeout 60"}},
		{"nxos", []string{"flow exporter NAME", " version 9", "  option sampler-table timeout 60"}},
		{"junos", []string{"set services flow-monitoring version-ipfix template NAME option-refresh-rate seconds 60"}},
	},
	idOptions: {
		{"iosxe", []string{"flow exporter NAME", " option interface-table timeout 60", " option sampler-table timeout 60"}},
		{"iosxr", []string{"flow exporter-map NAME", " version v9", "  options interface-table timeout 60", "  options sampler-table timeout 60"}},
		{"nxos", []string{"flow exporter NAME", " version 9", "  option interface-table timeout 60"}},
		{"junos", []string{"set services flow-monitoring version-ipfix template NAME option-refresh-rate seconds 60"}},
	},
	idClock: {
		{"iosxe", []string{"ntp server 192.0.2.123"}},
		{"iosxr", []string{"ntp server 192.0.2.123"}},
		{"nxos", []string{"ntp server 192.0.2.123"}},
		{"junos", []string{"set system ntp server 192.0.2.123"}},
		{"eos", []string{"ntp server 192.0.2.123"}},
		{"panos", []string{"set deviceconfig system ntp-servers primary-ntp-server ntp-server-address 192.0.2.123"}},
		{"fortios", []string{"config system ntp", " set ntpsync enable", " set type custom", " config ntpserver", "  edit 1", "   set server 192.0.2.123"}},
		{"routeros", []string{"/system ntp client set enabled=yes servers=192.0.2.123"}},
		{"vyos", []string{"set service ntp server 192.0.2.123"}},
		{"softflowd", []string{"timedatectl set-ntp true"}},
		{"pmacctd", []string{"timedatectl set-ntp true"}},
		{"hsflowd", []string{"timedatectl set-ntp true"}},
	},
	idBoth: {
		{"iosxe", []string{"interface NAME", " no ip flow monitor NAME output"}},
		{"iosxr", []string{"interface NAME", " no flow ipv4 monitor NAME egress"}},
		{"nxos", []string{"interface NAME", " no ip flow monitor NAME output"}},
		{"junos", []string{"delete interfaces NAME unit 0 family inet sampling output"}},
		{"fortios", []string{"config system interface", " edit NAME", "  set netflow-sampler rx"}},
		{"vyos", []string{"delete system flow-accounting enable-egress"}},
	},
	idOldVersion: {
		{"iosxe", []string{"flow exporter NAME", " export-protocol ipfix"}},
		{"nxos", []string{"flow exporter NAME", " version 9"}},
		{"routeros", []string{"/ip traffic-flow target set [find] version=ipfix"}},
		{"vyos", []string{"set system flow-accounting netflow version 10"}},
		{"softflowd", []string{"softflowd -v 10"}},
		{"pmacctd", []string{"nfprobe_version: 10"}},
	},
}
