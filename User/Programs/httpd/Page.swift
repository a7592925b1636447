// The pages that httpd makes itself.

import SystemInterface
import UserLibrary

enum Page {
    static func make(_ title: Text, _ body: Text) -> Text {
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><title>\(title)</title>
        <style>body{font:16px/1.5 sans-serif;max-width:50em;margin:2em auto;padding:0 1em;color:#222}
        table{border-collapse:collapse;margin:1em 0}td,th{text-align:left;padding:.2em 1.2em .2em 0;border-bottom:1px solid #ddd}
        h1{font-weight:300}</style></head><body><h1>\(title)</h1>
        \(body)</body></html>

        """
    }

    /// What this machine is doing.
    static func status() -> Text {
        var text: Text = "<p>A small Unix for RISC-V, in Swift. This page comes from its own httpd, TCP and all.</p>\n"
        let tenths = System.clock / 100_000_000
        if let counts = try? System.resources() {
            text = """
                \(text)<table><tr><th>up</th><td>\(tenths / 36_000) h \(tenths / 600 % 60) min \(tenths / 10 % 60) s</td></tr>
                <tr><th>harts</th><td>\(counts.harts)</td></tr>
                <tr><th>processes</th><td>\(UInt64(Limit.processes) - counts.freeProcesses)</td></tr></table>

                """
        }
        text =
            "\(text)<h2>Interfaces</h2>\n<table><tr><th>name</th><th>address</th><th>packets in</th><th>out</th></tr>\n"
        if let interfaces = try? allInterfaces() {
            for interface in interfaces {
                let address: Text = interface.address == .none ? "-" : "\(address: interface.address)"
                text =
                    "\(text)<tr><td>\(interface.nameText)</td><td>\(address)</td><td>\(interface.packetsIn)</td><td>\(interface.packetsOut)</td></tr>\n"
            }
        }
        text = "\(text)</table>\n<h2>Connections</h2>\n<table><tr><th>local</th><th>remote</th><th>state</th></tr>\n"
        var others = 0
        try? System.forEach(.connections, StreamReport()) { connection in
            guard connection.state == .established || connection.state == .listen else {
                others += connection.state == .closed ? 0 : 1
                return
            }
            let isListener = connection.state == .listen
            let remote: Text = isListener ? "" : "\(connection.peer)"
            let local: Text = isListener ? "port \(connection.local.port)" : "\(connection.local)"
            text =
                "\(text)<tr><td>\(local)</td><td>\(remote)</td><td>\(isListener ? "listens" : "established" as StaticString)</td></tr>\n"
        }
        text = "\(text)</table>\n<p>and \(others) that open or close</p>\n"
        var counters = StreamCounters()
        try? System.forEach(.streamCounters, StreamCounters()) { counters = $0 }
        text =
            "\(text)<h2>TCP</h2>\n<table><tr><th>segments in</th><td>\(counters.segmentsIn)</td></tr><tr><th>segments out</th><td>\(counters.segmentsOut)</td></tr><tr><th>sent again</th><td>\(counters.retransmissions)</td></tr><tr><th>connections taken</th><td>\(counters.passiveOpens)</td></tr></table>\n"
        return make("Swiftlet", "\(text)<p><a href=\"/README\">README</a></p>\n")
    }

    static func directory(_ path: [UInt8], _ names: [[UInt8]]) -> Text {
        var list: Text = "<ul>\n<li><a href=\"../\">..</a></li>\n"
        for name in names {
            list = "\(list)<li><a href=\"\(escapedPath(name))\">\(escaped(name))</a></li>\n"
        }
        return make(escaped(path), "\(list)</ul>\n")
    }

    /// As text of a page.
    static func escaped(_ bytes: [UInt8]) -> Text {
        var text = Text()
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "<"): text.append("&lt;")
            case UInt8(ascii: ">"): text.append("&gt;")
            case UInt8(ascii: "&"): text.append("&amp;")
            case UInt8(ascii: "\""): text.append("&quot;")
            case 0..<32, 127: text.append("?")
            default: text.bytes.append(byte)
            }
        }
        return text
    }

    /// As a path in an address: all but letters, digits and a few marks as %XX (RFC 3986, 2.1).
    static func escapedPath(_ bytes: [UInt8]) -> Text {
        var text = Text()
        for byte in bytes {
            switch byte {
            case 48...57, 65...90, 97...122, 45, 46, 47, 95, 126: text.bytes.append(byte)
            default:
                text.append("%")
                text.append(hex: UInt64(byte), digits: 2)
            }
        }
        return text
    }
}
