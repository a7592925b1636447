// What can be fuzzed: each a function of bytes that must return, whatever they are. A trap, an address-sanitizer report
// or a broken promise (`precondition`) is a bug. The fuzzer drives them (`make fuzz`), and so does an ordinary test,
// with the corpus and all that was found.

/// A parser, or the whole receive path.
public enum FuzzTarget: String, CaseIterable, Sendable {
    case receive, ethernet, arp, ipv4, icmp, udp, tcp, dhcp, dns, http, devicetree, disk, rings
    case bootArguments = "boot"
    case sharedMemory = "shm"

    /// - Returns: a number made of what was read, so that no compiler leaves the reading out.
    public func run(_ input: [UInt8]) -> UInt64 {
        switch self {
        case .receive: ReceivePath.run(input)
        case .ethernet: input.withBytes { Headers.ethernet($0) }
        case .arp: input.withBytes { Headers.arp($0) }
        case .ipv4: input.withBytes { Headers.ipv4($0) }
        case .icmp: input.withBytes { Headers.icmp($0) }
        case .udp: input.withBytes { Headers.udp($0) }
        case .tcp: Connections.run(input)
        case .http: HyperText.run(input)
        case .dhcp: input.withBytes { Messages.dhcp($0) }
        case .dns: input.withBytes { Messages.dns($0) }
        case .bootArguments: input.withBytes { Messages.bootArguments($0) }
        case .devicetree: Tree.run(input)
        case .disk: Disk.run(input)
        case .rings: HostileRings.run(input)
        case .sharedMemory: HostileNeighbour.run(input)
        }
    }
}
