"""Splunk's SDK reads what weir writes: sdk_test.py WEIR CAPTURE [VALIDATION.xml ...]

The SDK's Scheme, filled with what weir's scheme says, and its Events, filled with
what weir's events say, must give the same documents; what weir is told, its
InputDefinition and ValidationDefinition must read the same."""
import io, re, signal, socket, struct, subprocess, sys, time
import xml.etree.ElementTree as ET
from splunklib.modularinput import Argument, Event, InputDefinition, Scheme, ValidationDefinition
from splunklib.modularinput.utils import xml_compare

weir, capture, validations = sys.argv[1], sys.argv[2], sys.argv[3:]


def check(ok, what):
    if not ok:
        sys.exit("sdk_test.py: " + what)


# The scheme.
run = subprocess.run([weir, "--scheme"], capture_output=True, timeout=10)
check(run.returncode == 0, "--scheme ends with %d: %s" % (run.returncode, run.stderr))
ours = ET.fromstring(run.stdout)
theirs = Scheme(ours.findtext("title"))
theirs.description = ours.findtext("description")
theirs.use_external_validation = ours.findtext("use_external_validation")
theirs.use_single_instance = ours.findtext("use_single_instance")
theirs.streaming_mode = ours.findtext("streaming_mode")
args = ours.findall("endpoint/args/arg")
for a in args:
    a.attrib.pop("defaultValue", None)  # splunkd knows it, the SDK doesn't
    theirs.add_argument(Argument(a.get("name"), a.findtext("description"), a.findtext("validation"), a.findtext("data_type"),
                                 a.findtext("required_on_edit"), a.findtext("required_on_create"), a.findtext("title")))
check(xml_compare(theirs.to_xml(), ours), "the SDK writes the scheme otherwise: %s" % ET.tostring(theirs.to_xml()))
print("scheme: %d arguments" % len(args))

# Validation.
about = "<server_host>h</server_host><server_uri>https://127.0.0.1:8089</server_uri><session_key>k</session_key><checkpoint_dir>/tmp</checkpoint_dir>"


def validate(item):
    doc = ("<items>%s<item name=\"core\">%s</item></items>" % (about, item)).encode()
    v = ValidationDefinition.parse(io.BytesIO(doc))
    run = subprocess.run([weir, "--validate-arguments"], input=doc, capture_output=True, timeout=10)
    return v, run


v, run = validate('<param name="listeners">127.0.0.1:0</param><param name="format">psv</param>')
check(v.parameters == {"listeners": "127.0.0.1:0", "format": "psv"} and v.metadata["name"] == "core", str(v.parameters))
check(run.returncode == 0 and run.stdout == b"", "good arguments are refused: %s" % run.stdout)
v, run = validate('<param name="listeners">nowhere</param>')
check(run.returncode != 0 and ET.fromstring(run.stdout).tag == "error" and ET.fromstring(run.stdout).findtext("message"), "bad arguments are taken")
for name in validations:
    v = ValidationDefinition.parse(name)
    doc = ET.tostring(ET.parse(name).getroot(), encoding="utf-8")
    run = subprocess.run([weir, "--validate-arguments"], input=doc, capture_output=True, timeout=10)
    check(v.parameters, name)
    if run.returncode != 0:  # weir may know none of them, and must say so in a document
        check(ET.fromstring(run.stdout).findtext("message"), "%s: %s" % (name, run.stdout))
print("validation: 2 documents, and %d of the SDK's" % len(validations))

# A stream.
doc = ('<input>%s<configuration><stanza name="weir://core" app="TA-weir"><param name="host">$decideOnStartup</param>'
       '<param name="index">net</param><param name="listeners">127.0.0.1:0</param></stanza></configuration></input>' % about).encode()
i = InputDefinition.parse(io.BytesIO(doc))
check(i.inputs == {"weir://core": {"__app": "TA-weir", "host": "$decideOnStartup", "index": "net", "listeners": "127.0.0.1:0"}}, str(i.inputs))
run = subprocess.Popen([weir], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
run.stdin.write(doc)
run.stdin.flush()
to = None
while to is None:
    line = run.stderr.readline().decode()
    check(line, "weir ends without listening")
    m = re.search(r"address=\S*?([\d.]+):(\d+)", line)
    to = m and (m[1], int(m[2]))
data, at, sent = open(capture, "rb").read(), 24, 0
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while at < len(data):
    n = struct.unpack_from("<I", data, at + 8)[0]
    out.sendto(data[at + 16 + 42:at + 16 + n], to)  # behind Ethernet, IPv4 and UDP
    at, sent = at + 16 + n, sent + 1
    time.sleep(0.002)
time.sleep(1)
run.send_signal(signal.SIGTERM)
text, log = run.communicate(timeout=10)
check(run.returncode == 0, "weir ends with %d: %s" % (run.returncode, log))
stream = ET.fromstring(text)
check(stream.tag == "stream" and len(stream) >= 40, "%s of %d events" % (stream.tag, len(stream)))
for ours in stream:
    theirs = io.BytesIO()
    Event(data=ours.findtext("data"), stanza=ours.get("stanza"), time=ours.findtext("time"), host=ours.findtext("host"), index=ours.findtext("index"),
          source=ours.findtext("source"), sourcetype=ours.findtext("sourcetype"), done=ours.find("done") is not None,
          unbroken=ours.get("unbroken") == "1").write_to(theirs)
    theirs = ET.fromstring(theirs.getvalue())
    if ours.get("unbroken") is None:
        del theirs.attrib["unbroken"]
    check(xml_compare(theirs, ours), "the SDK writes an event otherwise: %s, %s" % (ET.tostring(theirs), ET.tostring(ours)))
print("stream: %d events of %d datagrams" % (len(stream), sent))
