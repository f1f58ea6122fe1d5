package sflow

// A Format is a record of sFlow by its document: its fields are separated by
// blanks, each a name, alone for a number of 32 bits or with its type behind a
// colon (see [Fields]). What is behind | newer agents send.
type Format struct {
	Name, Fields, Ref string
}

// Documents of sflow.org.
const (
	docV5      = "sFlow v5 §5"
	docHost    = "sFlow host"
	docTunnels = "sFlow tunnels"
	docWLAN    = "sFlow 802.11"
	docApp     = "sFlow application"
	docHTTP    = "sFlow HTTP"
	docDrops   = "sFlow dropped packets"
	docTransit = "sFlow transit"
	docOF      = "sFlow OpenFlow"
	docBCM     = "sFlow Broadcom tables"
	docHsflowd = "host-sflow, sflow.h"
)

const (
	ethernetFields = "length src_mac:mac dst_mac:mac type:ethertype"
	ipv4Fields     = "length protocol:ip src_ip:ipv4 dst_ip:ipv4 src_port dst_port tcp_flags:flags tos:tos"
	ipv6Fields     = "length protocol:ip src_ip:ipv6 dst_ip:ipv6 src_port dst_port tcp_flags:flags priority:tos"
	socket4Fields  = "protocol:ip local_ip:ipv4 remote_ip:ipv4 local_port remote_port"
	socket6Fields  = "protocol:ip local_ip:ipv6 remote_ip:ipv6 local_port remote_port"
	contextFields  = "application:string operation:string attributes:string"
)

// Flows are the flow records (flow_data), by enterprise in 20 bits and format in
// 12.
var Flows = map[uint32]Format{
	1:    {"sampled_header", "header_protocol:protocol frame_length stripped header:opaque", docV5},
	2:    {"sampled_ethernet", ethernetFields, docV5},
	3:    {"sampled_ipv4", ipv4Fields, docV5},
	4:    {"sampled_ipv6", ipv6Fields, docV5},
	1001: {"extended_switch", "src_vlan src_priority dst_vlan dst_priority", docV5},
	1002: {"extended_router", "nexthop:address src_mask_len dst_mask_len", docV5},
	1003: {"extended_gateway", "nexthop:address as src_as src_peer_as dst_as_path:path communities:list localpref", docV5},
	1004: {"extended_user", "src_charset src_user:string dst_charset dst_user:string", docV5},
	1005: {"extended_url", "direction:side url:string host:string", docV5},
	1006: {"extended_mpls", "nexthop:address in_stack:labels out_stack:labels", docV5},
	1007: {"extended_nat", "src_address:address dst_address:address", docV5},
	1008: {"extended_mpls_tunnel", "tunnel_lsp_name:string tunnel_id tunnel_cos", docV5},
	1009: {"extended_mpls_vc", "vc_instance_name:string vll_vc_id vc_label_cos", docV5},
	1010: {"extended_mpls_FTN", "mplsFTNDescr:string mplsFTNMask", docV5},
	1011: {"extended_mpls_LDP_FEC", "mplsFecAddrPrefixLength", docV5},
	1012: {"extended_vlantunnel", "stack:tags", docV5},
	1013: {"extended_80211_payload", "ciphersuite data:opaque", docWLAN},
	1014: {"extended_80211_rx", "ssid:string bssid:mac version:wlan channel speed:u64 rsni rcpi packet_duration", docWLAN},
	1015: {"extended_80211_tx", "ssid:string bssid:mac version:wlan transmissions packet_duration retrans_duration channel speed:u64 power", docWLAN},
	1018: {"extended_fc", "src_mask_len dst_mask_len next_hop metric", "RFC 4625"},
	1019: {"extended_queue_length", "queueIndex queueLength", docHsflowd},
	1020: {"extended_nat_port", "src_port dst_port", "sFlow port NAT"},
	1021: {"extended_L2_tunnel_egress", ethernetFields, docTunnels},
	1022: {"extended_L2_tunnel_ingress", ethernetFields, docTunnels},
	1023: {"extended_ipv4_tunnel_egress", ipv4Fields, docTunnels},
	1024: {"extended_ipv4_tunnel_ingress", ipv4Fields, docTunnels},
	1025: {"extended_ipv6_tunnel_egress", ipv6Fields, docTunnels},
	1026: {"extended_ipv6_tunnel_ingress", ipv6Fields, docTunnels},
	1027: {"extended_decapsulate_egress", "inner_header_offset", docTunnels},
	1028: {"extended_decapsulate_ingress", "inner_header_offset", docTunnels},
	1029: {"extended_vni_egress", "vni", docTunnels},
	1030: {"extended_vni_ingress", "vni", docTunnels},
	1031: {"extended_ib_lrh", "src_vl src_sl src_dlid src_slid src_lnh dst_vl dst_sl dst_dlid dst_slid dst_lnh", "sFlow InfiniBand"},
	1032: {"extended_ib_grh", "flow_label tc s_gid:ipv6 d_gid:ipv6 next_header length", "sFlow InfiniBand"},
	1033: {"extended_ib_bth", "pkey dst_qp opcode", "sFlow InfiniBand"},
	1034: {"extended_vlanin", "stack:tags", docHsflowd},
	1035: {"extended_vlanout", "stack:tags", docHsflowd},
	1036: {"extended_egress_queue", "queue", docDrops},
	1037: {"extended_acl", "number name:string direction:acl", docDrops},
	1038: {"extended_function", "symbol:string", docDrops},
	1039: {"extended_transit", "delay", docTransit},
	1040: {"extended_queue", "depth", docTransit},
	1041: {"extended_hw_trap", "group:string trap:string", docHsflowd},
	1042: {"extended_linux_drop_reason", "reason:string", docHsflowd},
	2100: {"extended_socket_ipv4", socket4Fields, docHost},
	2101: {"extended_socket_ipv6", socket6Fields, docHost},
	2102: {"extended_proxy_socket_ipv4", socket4Fields, docHTTP},
	2103: {"extended_proxy_socket_ipv6", socket6Fields, docHTTP},
	2200: {"memcache_operation", "protocol cmd key:string nkeys value_bytes uS status", "sFlow memcache"},
	2202: {"app_operation", contextFields + " status_descr:string req_bytes:u64 resp_bytes:u64 uS status:app", docApp},
	2203: {"app_parent_context", contextFields, docApp},
	2204: {"app_initiator", "actor:string", docApp},
	2205: {"app_target", "actor:string", docApp},
	2206: {"http_request", "method:http protocol uri:string host:string referer:string useragent:string xff:string authuser:string " +
		"mime_type:string req_bytes:u64 resp_bytes:u64 uS status:int", docHTTP},
	2207: {"extended_proxy_request", "uri:string host:string", docHTTP},
}

// Counters are the counter records (counter_data).
var Counters = map[uint32]Format{
	1: {"if_counters", "ifIndex ifType:ifType ifSpeed:u64 ifDirection:duplex ifStatus:status ifInOctets:u64 ifInUcastPkts ifInMulticastPkts " +
		"ifInBroadcastPkts ifInDiscards ifInErrors ifInUnknownProtos ifOutOctets:u64 ifOutUcastPkts ifOutMulticastPkts " +
		"ifOutBroadcastPkts ifOutDiscards ifOutErrors ifPromiscuousMode:truth", docV5},
	2: {"ethernet_counters", "dot3StatsAlignmentErrors dot3StatsFCSErrors dot3StatsSingleCollisionFrames dot3StatsMultipleCollisionFrames " +
		"dot3StatsSQETestErrors dot3StatsDeferredTransmissions dot3StatsLateCollisions dot3StatsExcessiveCollisions " +
		"dot3StatsInternalMacTransmitErrors dot3StatsCarrierSenseErrors dot3StatsFrameTooLongs dot3StatsInternalMacReceiveErrors " +
		"dot3StatsSymbolErrors", docV5},
	3: {"tokenring_counters", "dot5StatsLineErrors dot5StatsBurstErrors dot5StatsACErrors dot5StatsAbortTransErrors dot5StatsInternalErrors " +
		"dot5StatsLostFrameErrors dot5StatsReceiveCongestions dot5StatsFrameCopiedErrors dot5StatsTokenErrors dot5StatsSoftErrors " +
		"dot5StatsHardErrors dot5StatsSignalLoss dot5StatsTransmitBeacons dot5StatsRecoverys dot5StatsLobeWires dot5StatsRemoves " +
		"dot5StatsSingles dot5StatsFreqErrors", docV5},
	4: {"vg_counters", "dot12InHighPriorityFrames dot12InHighPriorityOctets:u64 dot12InNormPriorityFrames dot12InNormPriorityOctets:u64 " +
		"dot12InIPMErrors dot12InOversizeFrameErrors dot12InDataErrors dot12InNullAddressedFrames dot12OutHighPriorityFrames " +
		"dot12OutHighPriorityOctets:u64 dot12TransitionIntoTrainings dot12HCInHighPriorityOctets:u64 dot12HCInNormPriorityOctets:u64 " +
		"dot12HCOutHighPriorityOctets:u64", docV5},
	5: {"vlan_counters", "vlan_id octets:u64 ucastPkts multicastPkts broadcastPkts discards", docV5},
	6: {"ieee80211_counters", "dot11TransmittedFragmentCount dot11MulticastTransmittedFrameCount dot11FailedCount dot11RetryCount " +
		"dot11MultipleRetryCount dot11FrameDuplicateCount dot11RTSSuccessCount dot11RTSFailureCount dot11ACKFailureCount " +
		"dot11ReceivedFragmentCount dot11MulticastReceivedFrameCount dot11FCSErrorCount dot11TransmittedFrameCount " +
		"dot11WEPUndecryptableCount dot11QoSDiscardedFragmentCount dot11AssociatedStationCount dot11QoSCFPollsReceivedCount " +
		"dot11QoSCFPollsUnusedCount dot11QoSCFPollsUnusableCount dot11QoSCFPollsLostCount", docWLAN},
	7: {"lag_port_stats", "dot3adAggPortActorSystemID:mac dot3adAggPortPartnerOperSystemID:mac dot3adAggPortAttachedAggID dot3adAggPortState " +
		"dot3adAggPortStatsLACPDUsRx dot3adAggPortStatsMarkerPDUsRx dot3adAggPortStatsMarkerResponsePDUsRx " +
		"dot3adAggPortStatsUnknownRx dot3adAggPortStatsIllegalRx dot3adAggPortStatsLACPDUsTx dot3adAggPortStatsMarkerPDUsTx " +
		"dot3adAggPortStatsMarkerResponsePDUsTx", "sFlow LAG"},
	10:   {"sfp", "module_id module_total_lanes module_supply_voltage module_temperature:int lanes:lanes", "sFlow optical"},
	1001: {"processor", "5s_cpu:percent 1m_cpu:percent 5m_cpu:percent total_memory:u64 free_memory:u64", docV5},
	1002: {"radio_utilization", "elapsed_time on_channel_time on_channel_busy_time", docWLAN},
	1004: {"of_port", "datapath_id:u64 port_no", docOF},
	1005: {"port_name", "name:string", docOF},
	2000: {"host_descr", "hostname:string uuid:uuid machine_type:machine os_name:os os_release:string", docHost},
	2001: {"host_adapters", "adapters:adapters", docHost},
	2002: {"host_parent", "container_type:sourceType container_index", docHost},
	2003: {"host_cpu", "load_one:float load_five:float load_fifteen:float proc_run proc_total cpu_num cpu_speed uptime cpu_user cpu_nice " +
		"cpu_system cpu_idle cpu_wio cpu_intr cpu_sintr interrupts contexts | cpu_steal cpu_guest cpu_guest_nice", docHost},
	2004: {"host_memory", "mem_total:u64 mem_free:u64 mem_shared:u64 mem_buffers:u64 mem_cached:u64 swap_total:u64 swap_free:u64 page_in " +
		"page_out swap_in swap_out", docHost},
	2005: {"host_disk_io", "disk_total:u64 disk_free:u64 part_max_used:percent reads bytes_read:u64 read_time writes bytes_written:u64 " +
		"write_time", docHost},
	2006: {"host_net_io", "bytes_in:u64 pkts_in errs_in drops_in bytes_out:u64 packets_out errs_out drops_out", docHost},
	2007: {"mib2_ip_group", "ipForwarding ipDefaultTTL ipInReceives ipInHdrErrors ipInAddrErrors ipForwDatagrams ipInUnknownProtos " +
		"ipInDiscards ipInDelivers ipOutRequests ipOutDiscards ipOutNoRoutes ipReasmTimeout ipReasmReqds ipReasmOKs ipReasmFails " +
		"ipFragOKs ipFragFails ipFragCreates", "sFlow host TCP/IP"},
	2008: {"mib2_icmp_group", "icmpInMsgs icmpInErrors icmpInDestUnreachs icmpInTimeExcds icmpInParamProbs icmpInSrcQuenchs icmpInRedirects " +
		"icmpInEchos icmpInEchoReps icmpInTimestamps icmpInAddrMasks icmpInAddrMaskReps icmpOutMsgs icmpOutErrors " +
		"icmpOutDestUnreachs icmpOutTimeExcds icmpOutParamProbs icmpOutSrcQuenchs icmpOutRedirects icmpOutEchos icmpOutEchoReps " +
		"icmpOutTimestamps icmpOutTimestampReps icmpOutAddrMasks icmpOutAddrMaskReps", "sFlow host TCP/IP"},
	2009: {"mib2_tcp_group", "tcpRtoAlgorithm tcpRtoMin tcpRtoMax tcpMaxConn tcpActiveOpens tcpPassiveOpens tcpAttemptFails tcpEstabResets " +
		"tcpCurrEstab tcpInSegs tcpOutSegs tcpRetransSegs tcpInErrs tcpOutRsts tcpInCsumErrs", "sFlow host TCP/IP"},
	2010: {"mib2_udp_group", "udpInDatagrams udpNoPorts udpInErrors udpOutDatagrams udpRcvbufErrors udpSndbufErrors udpInCsumErrors",
		"sFlow host TCP/IP"},
	2100: {"virt_node", "mhz cpus memory:u64 memory_free:u64 num_domains", docHost},
	2101: {"virt_cpu", "state:domain cpuTime nrVirtCpu", docHost},
	2102: {"virt_memory", "memory:u64 maxMemory:u64", docHost},
	2103: {"virt_disk_io", "capacity:u64 allocation:u64 physical:u64 rd_req rd_bytes:u64 wr_req wr_bytes:u64 errs", docHost},
	2104: {"virt_net_io", "rx_bytes:u64 rx_packets rx_errs rx_drop tx_bytes:u64 tx_packets tx_errs tx_drop", docHost},
	2105: {"jvm_runtime", "vm_name:string vm_vendor:string vm_version:string", "sFlow JVM"},
	2106: {"jvm_statistics", "heap_initial:u64 heap_used:u64 heap_committed:u64 heap_max:u64 non_heap_initial:u64 non_heap_used:u64 " +
		"non_heap_committed:u64 non_heap_max:u64 gc_count gc_time classes_loaded classes_total classes_unloaded compilation_time " +
		"thread_num_live thread_num_daemon thread_num_started fd_open_count fd_max_count", "sFlow JVM"},
	2201: {"http_counters", "method_option_count method_get_count method_head_count method_post_count method_put_count method_delete_count " +
		"method_trace_count method_connect_count method_other_count status_1XX_count status_2XX_count status_3XX_count " +
		"status_4XX_count status_5XX_count status_other_count", docHTTP},
	2202: {"app_operations", "application:string success other timeout internal_error bad_request forbidden too_large not_implemented " +
		"not_found unavailable unauthorized", docApp},
	2203: {"app_resources", "user_time system_time mem_used:u64 mem_max:u64 fd_open fd_max conn_open conn_max", docApp},
	2207: {"ovs_dp_stats", "n_hit n_missed n_lost n_mask_hit n_flows n_masks", "Open vSwitch, sflow.h"},
	2206: {"app_workers", "workers_active workers_idle workers_max req_delayed req_dropped", docApp},

	4413<<12 | 1: {"bst_device_buffers", "uc_pc:percent mc_pc:percent", "sFlow Broadcom buffers"},
	4413<<12 | 2: {"bst_port_buffers", "ingress_uc_pc:percent ingress_mc_pc:percent egress_uc_pc:percent egress_mc_pc:percent " +
		"egress_queue_uc_pcs:percents egress_queue_mc_pcs:percents", "sFlow Broadcom buffers"},
	4413<<12 | 3: {"hw_tables", "host_entries host_entries_max ipv4_entries ipv4_entries_max ipv6_entries ipv6_entries_max ipv4_ipv6_entries " +
		"ipv4_ipv6_entries_max long_ipv6_entries long_ipv6_entries_max total_routes total_routes_max ecmp_nexthops ecmp_nexthops_max " +
		"mac_entries mac_entries_max ipv4_neighbors ipv6_neighbors ipv4_routes ipv6_routes acl_ingress_entries acl_ingress_entries_max " +
		"acl_ingress_counters acl_ingress_counters_max acl_ingress_meters acl_ingress_meters_max acl_ingress_slices " +
		"acl_ingress_slices_max acl_egress_entries acl_egress_entries_max acl_egress_counters acl_egress_counters_max " +
		"acl_egress_meters acl_egress_meters_max acl_egress_slices acl_egress_slices_max", docBCM},
	5703<<12 | 1: {"nvidia_gpu", "device_count processes gpu_time mem_time mem_total:u64 mem_free:u64 ecc_errors energy temperature fan_speed",
		"sFlow NVML"},
}
