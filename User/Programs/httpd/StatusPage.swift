// The start page: what this machine is doing.

import SystemInterface
import UserLibrary

enum StatusPage {
    /// Connections that have a row of their own: with a thousand of them the page would be all rows.
    private static var mostRows: Int { 30 }

    static func make() -> Text {
        var text: Text = "<p>A small Unix for RISC-V, in Swift. This page comes from its own httpd, TCP and all.</p>\n"
        for part in [machine(), interfaces(), connections(), counters()] { text.bytes.append(contentsOf: part.bytes) }
        text.append("<p><a href=\"/README\">README</a></p>\n")
        return Page.make("Swiftlet", text)
    }

    private static func table(_ title: StaticString, _ rows: [Text]) -> Text {
        var text: Text = "<h2>\(title)</h2>\n<div><table>"
        for row in rows { text.bytes.append(contentsOf: row.bytes) }
        text.append("</table></div>\n")
        return text
    }

    private static func head(_ cells: StaticString...) -> Text {
        var row: Text = "<tr>"
        for cell in cells { row = "\(row)<th>\(cell)</th>" }
        return "\(row)</tr>\n"
    }

    private static func row(_ name: StaticString, _ value: Text) -> Text {
        "<tr><th>\(name)</th><td>\(value)</td></tr>\n"
    }

    private static func machine() -> Text {
        let seconds = System.clock / 1_000_000_000
        var rows = [
            row("up", "\(seconds / 86_400) d \(seconds / 3600 % 24) h \(seconds / 60 % 60) min \(seconds % 60) s")
        ]
        let now = Response.now
        if now > 0 { rows.append(row("time", dateText(now))) }
        if let counts = try? System.resources() {
            rows.append(row("harts", "\(counts.harts)"))
            rows.append(row("processes", "\(UInt64(Limit.processes) - counts.freeProcesses)"))
            rows.append(row("memory free", "\(counts.freePages / 256) of \(counts.pages / 256) MiB"))
        }
        return table("Machine", rows)
    }

    private static func interfaces() -> Text {
        var rows = [head("name", "address", "packets in", "out", "dropped")]
        if let interfaces = try? allInterfaces() {
            for interface in interfaces {
                let address: Text = interface.address == .none ? "-" : "\(address: interface.address)"
                rows.append(
                    "<tr><td>\(interface.nameText)</td><td>\(address)</td><td>\(interface.packetsIn)</td><td>\(interface.packetsOut)</td><td>\(interface.drops)</td></tr>\n"
                )
            }
        }
        return table("Interfaces", rows)
    }

    private static func connections() -> Text {
        var rows = [head("local", "remote", "to send", "round trip")]
        var ports = Text()
        var (others, more) = (0, 0)
        try? System.forEach(.connections, StreamReport()) { connection in
            switch connection.state {
            case .listen: ports = "\(ports)\(ports.bytes.isEmpty ? "" : ", " as StaticString)\(connection.local.port)"
            case .established where rows.count > mostRows: more += 1
            case .established:
                rows.append(
                    "<tr><td>\(connection.local)</td><td>\(connection.peer)</td><td>\(connection.outstanding &+ connection.unsent)</td><td>\(connection.roundTrip / 1000).\(connection.roundTrip / 100 % 10) ms</td></tr>\n"
                )
            case .closed: break
            default: others += 1
            }
        }
        let rest: Text = more > 0 ? " \(more) more are established." : ""
        return
            "\(table("Connections", rows))<p>Ports with a listener: \(ports.bytes.isEmpty ? "none" : ports as Text).\(rest) Connections that are opening or closing: \(others).</p>\n"
    }

    private static func counters() -> Text {
        var counters = StreamCounters()
        try? System.forEach(.streamCounters, StreamCounters()) { counters = $0 }
        return table(
            "TCP since the start",
            [
                row("segments in", "\(counters.segmentsIn)"), row("segments out", "\(counters.segmentsOut)"),
                row("sent again", "\(counters.retransmissions)"),
                row("connections taken", "\(counters.passiveOpens)"),
                row("connections begun", "\(counters.activeOpens)"),
            ])
    }
}
