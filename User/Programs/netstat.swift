// netstat: sockets, routes, and every counter of the network.

import NetStack
import SystemInterface
import UserLibrary

@main enum NetworkStatus: Program {
    static let usage: StaticString = """
        usage: netstat [-an] [-i | -r | -s]
        Shows the open sockets: packets that wait to be read, datagrams dropped because too many waited, addresses.
          -i  show the interfaces instead: MTU, packets in and out, and those dropped
          -n  does nothing: names are never looked up
          -r  show the route table instead
          -s  show counters instead: traffic and, for each interface, why packets were dropped; the packets that all interfaces share
          -a  with -s, counters that are zero, too
        """
    static let options: StaticString? = "ainrs"

    static func run(_ arguments: UserLibrary.Arguments) -> Int32 {
        let (counters, all) = (arguments.has("s"), arguments.has("a"))
        arguments.expectNone()
        do throws(SystemError) {
            if arguments.has("r") {
                try showRoutes()
            } else if arguments.has("i") {
                try showInterfaces()
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
            case .datagram: (kind, local) = ("udp    ", name(socket.local))
            }
            let remote: Text = socket.kind != .datagram ? "" : socket.isConnected ? name(socket.peer) : "*"
            print(
                "\(kind)  \(Int(socket.queued), width: 7)  \(socket.dropped, width: 7)  \(padded(local, 23))\(remote)"
            )
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
