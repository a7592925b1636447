// What can be fuzzed: each a function of bytes that must return, whatever they are. A trap, an address-sanitizer report or a broken promise
// (`precondition`) is a bug. The fuzzer drives them (`make fuzz`), and so does an ordinary test, with the corpus and all that was found.

/// A parser, or the whole receive path.
public enum FuzzTarget: String, CaseIterable, Sendable {
    case receive, ethernet, arp, ipv4, icmp, udp, dhcp, dns, address, devicetree, disk

    /// - Returns: a number made of what was read, so that no compiler leaves the reading out.
    public func run(_ input: UnsafeRawBufferPointer) -> UInt64 {
        switch self {
        case .receive: ReceivePath.run(input)
        case .ethernet: Headers.ethernet(input.bytes)
        case .arp: Headers.arp(input.bytes)
        case .ipv4: Headers.ipv4(input.bytes)
        case .icmp: Headers.icmp(input.bytes)
        case .udp: Headers.udp(input.bytes)
        case .dhcp: Messages.dhcp(input.bytes)
        case .dns: Messages.dns(input.bytes)
        case .address: Messages.address(input.bytes)
        case .devicetree: Tree.run(input)
        case .disk: Disk.run(input)
        }
    }
}
