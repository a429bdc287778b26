"""Where somebody who is not on our side would have webhooks go: every way to write an address inside, and more.

`REFUSED_URLS` are refused when a webhook is registered. `REFUSED_NAMES` look like anybody's; what they resolve
to is refused when connecting.
"""

AWS, AWS_IPV6, ALIBABA, ORACLE = "169.254.169.254", "fd00:ec2::254", "100.100.100.200", "192.0.0.192"

REFUSED_URLS: dict[str, list[str]] = {
    "scheme": [
        "http://hooks.example.com/", "ftp://hooks.example.com/", "ws://hooks.example.com/",
        "gopher://hooks.example.com:443/_GET", "file:///etc/passwd", "file://localhost/etc/passwd",
        "data:text/plain,hello", "javascript:alert(1)", "unix:///var/run/docker.sock", "dict://hooks.example.com:443/",
        "https:hooks.example.com/", "https:/hooks.example.com/", "//hooks.example.com/", "hooks.example.com",
        "", "https", "https://", "https:///", "https://?x", "jar:https://hooks.example.com!/",
    ],
    "user name": [
        "https://user@hooks.example.com/", "https://user:word@hooks.example.com/", "https://@hooks.example.com/",
        "https://:@hooks.example.com/", "https://hooks.example.com@127.0.0.1/", "https://hooks.example.com:443@10.0.0.1/",
        "https://127.0.0.1\\@hooks.example.com/", "https://hooks.example.com%40127.0.0.1/",
    ],
    "port": [
        "https://hooks.example.com:0/", "https://hooks.example.com:22/", "https://hooks.example.com:80/",
        "https://hooks.example.com:4222/", "https://hooks.example.com:5432/", "https://hooks.example.com:65536/",
        "https://hooks.example.com:99999/", "https://hooks.example.com:-1/", "https://hooks.example.com:443:80/",
        "https://hooks.example.com:/", "https://hooks.example.com:４４３/", "https://hooks.example.com: 443/",
        "https://hooks.example.com:0x1bb/", "https://hooks.example.com:000443/",
    ],
    "characters": [
        "https://hooks.example.com/\r\nHost: inside", "https://hooks.example.com/\tx", "https://hooks.example.com/\0",
        "https://hooks .example.com/", "https://hooks.example.com/a b", "https://hooks.example.com/\u2028",
        "https://hooks.example.com/\u202etxt", "https://hooks.example.com\\inside/", "https://hooks%00.example.com/",
        "https://hooks.example.com/#fragment", "https://hooks.example.com/#",
        "https://hooks.example.com/" + "a" * 2_048,
        "https://" + "a" * 64 + ".example.com/", "https://" + "a." * 130 + "example.com/", "https://hooks..example.com/",
        "https://-hooks.example.com/", "https://*.example.com/", "https://hooks_.example.com/", "https://[v1.a]/",
        "https://[::1/", "https://::1/", "https://[hooks.example.com]/", "https://hooks.example.com\ud800/",
    ],
    "other scripts": [
        "https://①②⑦.⓪.⓪.①/", "https://１２７.０.０.１/", "https://١٢٧.٠.٠.١/", "https://१२७.0.0.1/",
        "https://𝟏𝟐𝟕.𝟎.𝟎.𝟏/", "https://127。0。0。1/", "https://127．0．0．1/", "https://ｌｏｃａｌｈｏｓｔ/",
        "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "https://locaⅼhost/", "https://gіthub.com/", "https://аpple.com/", "https://ﬀ.example.com/",
        "https://hooks\u00ad.example.com/", "https://hooks\u200b.example.com/", "https://hooks.example.com℀.inside/",
        "https://hooks.example.com\u2044.inside/", "https://hooks.example.com／.inside/",
    ],
    "IPv4": [
        "https://127.0.0.1/", "https://127.8.8.8/", "https://0.0.0.0/", "https://10.0.0.1/", "https://172.16.0.1/",
        "https://172.31.255.255/", "https://192.168.1.1/", "https://100.64.0.1/", f"https://{ALIBABA}/",
        f"https://{AWS}/latest/meta-data/", "https://169.254.170.2/v2/credentials", f"https://{ORACLE}/opc/v2/",
        "https://192.0.0.8/", "https://192.0.2.1/", "https://192.88.99.1/", "https://198.18.0.1/", "https://198.51.100.1/",
        "https://203.0.113.1/", "https://224.0.0.1/", "https://239.255.255.250/", "https://240.0.0.1/",
        "https://255.255.255.255/", "https://127.0.0.1:8443/",
    ],
    "IPv4 in other forms": [
        "https://2130706433/", "https://0x7f000001/", "https://017700000001/", "https://0x7f.1/", "https://0X7F.0.0.1/",
        "https://0x7f.0x0.0x0.0x1/", "https://0177.0.0.1/", "https://0177.0.0.01/", "https://00000177.0.0.1/",
        "https://127.1/", "https://127.0.1/", "https://0/", "https://1.1/", "https://4294967297/", "https://256.256.256.256/",
        "https://127.0.0.1./", "https://127.0.0.0x1/", "https://%31%32%37.0.0.1/", "https://127.0.0.1%2ehooks.example.com/",
        "https://2852039166/", "https://0xa9fea9fe/", "https://0251.0376.0251.0376/", "https://169.16689662/",
    ],
    "IPv6": [
        "https://[::]/", "https://[::1]/", "https://[0:0:0:0:0:0:0:1]/", "https://[::1]:8443/", "https://[::127.0.0.1]/",
        "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[0:0:0:0:0:ffff:7f00:1]/",
        "https://[::ffff:8.8.8.8]/", f"https://[::ffff:{AWS}]/", "https://[::ffff:0:127.0.0.1]/", "https://[64:ff9b::7f00:1]/",
        "https://[64:ff9b::a9fe:a9fe]/", "https://[64:ff9b:1::1]/", "https://[2002:7f00:1::]/", "https://[2002:a9fe:a9fe::1]/",
        "https://[2001::1]/", "https://[2001:0:7f00:1::]/", "https://[2001:20::1]/", "https://[2001:db8::1]/",
        "https://[3fff::1]/", "https://[5f00::1]/", "https://[100::1]/", "https://[fc00::1]/", f"https://[{AWS_IPV6}]/",
        "https://[fd00::1]/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/",
        "https://[2606:4700:4700::1111%25lo]/", "https://[fec0::1]/", "https://[ff02::1]/", "https://[ff0e::1]/",
        "https://[1080:0:0:0:8:800:200c:417a]/", "https://[4000::1]/", "https://[::1]./",
    ],
    "names of inside": [
        "https://localhost/", "https://localhost./", "https://LOCALHOST/", "https://hooks.localhost/", "https://projects/",
        "https://metadata/", "https://metadata.google.internal/", "https://metadata.google.internal./",
        "https://printer.local/", "https://router.home.arpa/", "https://hidden.onion/", "https://ip6-localhost/",
    ],
}  # fmt: skip

REFUSED_NAMES: dict[str, list[str]] = {
    "127.0.0.1.nip.example.com": ["127.0.0.1"],
    "kubernetes.default.svc": ["10.96.0.1"],
    "metadata.example.com": [AWS],
    "metadata-six.example.com": [AWS_IPV6],
    "xn--pple-43d.com": ["192.168.0.10"],
    "trailing.example.com.": ["172.20.0.1"],
    "mixed-first.example.com": ["10.0.0.1", "93.184.215.14"],
    "mixed-last.example.com": ["93.184.215.14", "93.184.215.15", "127.0.0.1"],
    "mixed-six.example.com": ["2606:4700:4700::1111", "64:ff9b::7f00:1"],
    "mapped.example.com": ["::ffff:10.0.0.1"],
    "compatible.example.com": ["::10.0.0.1"],
    "six-to-four.example.com": ["2002:0a00:0001::1"],
    "teredo.example.com": ["2001:0:5ef5:79fd::1"],
    "link-local.example.com": ["fe80::1%eth0"],
    "zone.example.com": ["2606:4700:4700::1111%eth0"],
    "site-local.example.com": ["fec0::1"],
    "unique-local.example.com": ["fd12:3456::1"],
    "multicast.example.com": ["224.0.0.251"],
    "carrier.example.com": ["100.127.255.254"],
    "unspecified.example.com": ["0.0.0.0"],
    "unspecified-six.example.com": ["::"],
    "broadcast.example.com": ["255.255.255.255"],
    "unallocated.example.com": ["4000::1"],
    "nonsense.example.com": ["127.0.0.1; rm -rf /"],
    "own.example.com": ["93.184.216.34"],
    "own-six.example.com": ["2606:2800:220::1"],
}

OWN_NETWORKS = ("93.184.216.0/24", "2606:2800:220::/48")

ACCEPTED_URLS = [
    "https://hooks.example.com", "https://hooks.example.com/in?a=b&c=%20", "https://hooks.example.com:8443/",
    "https://hooks.example.com:443/", "https://hooks.example.com./", "HTTPS://HOOKS.EXAMPLE.COM/",
    "https://xn--bcher-kva.example/", "https://8.8.8.8/", "https://[2606:4700:4700::1111]:8443/in",
    "https://1.example.com/", "https://0x7f.example.com/", "https://a.b.c.d.e.example.com/@user",
]  # fmt: skip
