// netstat: sockets, routes, and every counter of the network.

import NetStack
import SystemInterface
import UserLibrary

@main enum NetworkStatus: Program {
    static let usage: StaticString = """
        usage: netstat [-an] [-i | -m | -o | -r | -s | -t]
        Shows the open sockets: packets that wait to be read, datagrams dropped because too many waited, addresses.
          -i  show the interfaces instead: MTU, packets in and out, and those dropped
          -m  show the memory of the network: packets, connections by state, the bytes that they keep, tables
          -n  does nothing: names are never looked up
          -o  show connections with their timers and windows: round trip, time-out, cwnd, retransmissions
          -r  show the route table instead
          -s  show counters instead: traffic and, for each interface, why packets were dropped; the packets that all interfaces share
          -t  show connections (TCP) alone: bytes that wait to be read, bytes not acknowledged, addresses, state
          -a  with -s, counters that are zero, too
        """
    static let options: StaticString? = "aimnorst"

    static func run(_ arguments: UserLibrary.Arguments) -> Int32 {
        let (counters, all) = (arguments.has("s"), arguments.has("a"))
        arguments.expectNone()
        do throws(SystemError) {
            if arguments.has("r") {
                try showRoutes()
            } else if arguments.has("i") {
                try showInterfaces()
            } else if arguments.has("m") {
                try NetworkMemoryReport.show()
            } else if arguments.has("o") {
                try showConnections(withTimers: true)
            } else if arguments.has("t") {
                try showConnections(withTimers: false)
            } else if counters {
                try showCounters(all: all)
            } else {
                try showSockets()
            }
            return 0
        } catch {
            fail("\(error)")
        }
    }

    private static func showSockets() throws(SystemError) {
        print("kind     waiting  dropped  local                  remote")
        try System.forEach(.sockets, SocketStatus(kind: .datagram, queued: 0)) { socket in
            let kind: StaticString
            let local: Text
            switch socket.kind {
            case .capture: (kind, local) = ("capture", "all frames")
            case .echo: (kind, local) = ("icmp   ", "echo \(socket.local.port)")
            case .datagram, .stream: (kind, local) = ("udp    ", name(socket.local))
            }
            let remote: Text = socket.kind != .datagram ? "" : socket.isConnected ? name(socket.peer) : "*"
            print(
                "\(kind)  \(Int(socket.queued), width: 7)  \(socket.dropped, width: 7)  \(padded(local, 23))\(remote)"
            )
        }
    }

    private static func showConnections(withTimers: Bool) throws(SystemError) {
        print(
            withTimers
                ? "local                  remote                 state        unacked  cwnd     window   rtt ms  rto ms  resent"
                : "receive  send     local                  remote                 state")
        try System.forEach(.connections, StreamReport()) { connection in
            guard connection.state != .closed || connection.isOpen else { return }
            let local = padded(name(connection.local), 23)
            let remote = padded(connection.peer.port == 0 ? "*" : name(connection.peer), 23)
            let waiting = connection.outstanding &+ connection.unsent
            if withTimers {
                let recovery: StaticString =
                    connection.phase == .open ? "" : connection.phase == .recovery ? " recovering" : " after a time-out"
                let figures: Text =
                    connection.state == .listen
                    ? "-        -        -       -       "
                    : "\(padded("\(connection.congestionWindow)", 9))\(padded("\(connection.sendWindow)", 9))\(padded(milliseconds(connection.roundTrip), 8))\(padded(milliseconds(connection.timeout), 8))"
                print(
                    "\(local)\(remote)\(padded(state(connection.state), 13))\(Int(waiting), width: 7)  \(figures)\(connection.retransmissions)\(recovery)"
                )
            } else {
                print(
                    "\(Int(connection.receiveQueue), width: 7)  \(padded("\(waiting)", 9))\(local)\(remote)\(state(connection.state))"
                )
            }
        }
    }

    private static func milliseconds(_ microseconds: UInt32) -> Text {
        "\(microseconds / 1000).\(microseconds / 100 % 10)"
    }

    /// The names that RFC 9293 and other systems' netstat have.
    static func state(_ state: StreamReport.State) -> Text {
        switch state {
        case .closed: "CLOSED"
        case .listen: "LISTEN"
        case .synSent: "SYN_SENT"
        case .synReceived: "SYN_RECV"
        case .established: "ESTABLISHED"
        case .finWait1: "FIN_WAIT1"
        case .finWait2: "FIN_WAIT2"
        case .closeWait: "CLOSE_WAIT"
        case .closing: "CLOSING"
        case .lastAck: "LAST_ACK"
        case .timeWait: "TIME_WAIT"
        }
    }

    private static func showInterfaces() throws(SystemError) {
        print("name    mtu          in     dropped         out  address")
        for interface in try allInterfaces() {
            let address: Text = interface.address == .none ? "-" : "\(address: interface.address)"
            print(
                "\(padded(interface.nameText, 5))\(interface.mtu, width: 6)  \(interface.packetsIn, width: 10)  \(interface.drops, width: 10)  \(interface.packetsOut, width: 10)  \(address)"
            )
        }
    }

    private static func name(_ address: SocketAddress) -> Text {
        if address.port == 0 { return "*" }
        return address.address == .none ? "*:\(address.port)" : "\(address)"
    }

    private static func showCounters(all: Bool) throws(SystemError) {
        let interfaces = try allInterfaces()
        var index = 0
        try System.forEach(.drops, DropReport()) { drops in
            let interface = interfaces[index]
            index += 1
            print("\(interface.nameText):")
            line(interface.packetsIn, "packets in")
            line(interface.bytesIn, "bytes in")
            line(interface.packetsOut, "packets out")
            line(interface.bytesOut, "bytes out")
            line(drops.delivered, "delivered")
            if all || drops.joined > 0 { line(drops.joined, "joined: fragments of datagrams put together") }
            if all || drops.waiting > 0 { line(drops.waiting, "waiting: fragments of datagrams not yet together") }
            for isIncoming in [true, false] {
                for number in 0..<DropReason.count {
                    guard let reason = DropReason(rawValue: number), reason.isIncoming == isIncoming,
                        all || drops[number] > 0
                    else { continue }
                    line(drops[number], "\(isIncoming ? "dropped" : "not sent" as StaticString): \(reason.name)")
                }
            }
            if all || drops.ringsFull > 0 { line(drops.ringsFull, "times the receive ring was found full") }
            if all || drops.lost > 0 { line(drops.lost, "lost by the card: no room, damaged, or too large") }
        }
        try System.forEach(.streamCounters, StreamCounters()) { tcp in
            print("tcp:")
            line(tcp.activeOpens, "connections begun here")
            line(tcp.passiveOpens, "connections taken")
            if all || tcp.failedAttempts > 0 { line(tcp.failedAttempts, "attempts that failed") }
            if all || tcp.resetsReceived > 0 { line(tcp.resetsReceived, "connections reset by their peers") }
            if all || tcp.resetsSent > 0 { line(tcp.resetsSent, "resets sent") }
            line(tcp.segmentsIn, "segments in")
            line(tcp.segmentsOut, "segments out")
            line(tcp.retransmissions, "segments sent again")
            if all || tcp.timeouts > 0 { line(tcp.timeouts, "time-outs") }
            if all || tcp.cookiesSent > 0 { line(tcp.cookiesSent, "SYN cookies sent") }
            if all || tcp.cookiesTaken > 0 { line(tcp.cookiesTaken, "SYN cookies that came back") }
            if all || tcp.backlogFull > 0 { line(tcp.backlogFull, "connections refused for a while: backlog full") }
        }
        try System.forEach(.packets, PacketReport()) { packets in
            print("packets for all:")
            line(packets.total, "in the pool")
            line(packets.free, "free")
            line(packets.lowWater, "free at the worst time")
            line(packets.failures, "times none was free")
            line(packets.receiving, "in use to receive, of \(packets.receivingLimit)")
            line(packets.sending, "in use to send, of \(packets.sendingLimit)")
            line(packets.own, "in use for the stack's own messages, of \(packets.ownLimit)")
        }
    }

    private static func line(_ count: UInt64, _ what: Text) { print("  \(count, width: 12) \(what)") }
}
