// Filters: "udp and not port 53", "icmp or arp", "src host 10.0.2.2".
//
// expression = term { "or" term };  term = factor { "and" factor };  factor = "not" factor | "(" expression ")" |
//   primitive.
// They are kept as a list in postfix order, and run over a frame with a stack of bits.

import NetStack
import SystemInterface
import UserLibrary

struct Filter {
    private enum Side { case both, source, destination }
    private enum Step {
        case etherType(UInt16)
        case transport(UInt8)
        /// TCP with these flags, all of them.
        case flags(TCPFlags)
        case network(UInt32, prefixLength: Int, Side)
        case port(UInt16, Side)
        case and, or, not
    }

    private var steps: [Step] = []
    /// Each level of parentheses may leave two bits on the stack, which has 64.
    private static let deepest = 30

    /// nil if the words are no filter. Without words every frame matches.
    init?(_ words: UserLibrary.Arguments) {
        var words = words
        guard words.count > 0 else { return }
        guard parseExpression(&words, depth: 0), words.count == 0 else { return nil }
    }

    // MARK: Reading

    private mutating func parseExpression(_ words: inout UserLibrary.Arguments, depth: Int) -> Bool {
        guard depth < Self.deepest, parseTerm(&words, depth: depth) else { return false }
        while words.count > 0, words[0] == "or" {
            words = words.dropFirst(1)
            guard parseTerm(&words, depth: depth) else { return false }
            steps.append(.or)
        }
        return true
    }

    private mutating func parseTerm(_ words: inout UserLibrary.Arguments, depth: Int) -> Bool {
        guard parseFactor(&words, depth: depth) else { return false }
        while words.count > 0, words[0] == "and" {
            words = words.dropFirst(1)
            guard parseFactor(&words, depth: depth) else { return false }
            steps.append(.and)
        }
        return true
    }

    private mutating func parseFactor(_ words: inout UserLibrary.Arguments, depth: Int) -> Bool {
        guard words.count > 0, depth < Self.deepest else { return false }
        let word = words[0]
        words = words.dropFirst(1)
        if word == "not" {
            guard parseFactor(&words, depth: depth + 1) else { return false }
            steps.append(.not)
            return true
        }
        if word == "(" {
            guard parseExpression(&words, depth: depth + 1), words.count > 0, words[0] == ")" else { return false }
            words = words.dropFirst(1)
            return true
        }
        return parsePrimitive(word, &words)
    }

    private mutating func parsePrimitive(_ word: CString, _ words: inout UserLibrary.Arguments) -> Bool {
        if word == "arp" { return add(.etherType(EtherType.arp)) }
        if word == "ip" { return add(.etherType(EtherType.ipv4)) }
        if word == "ip6" { return add(.etherType(EtherType.ipv6)) }
        if word == "icmp" { return add(.transport(IPProtocol.icmp)) }
        if word == "udp" { return add(.transport(IPProtocol.udp)) }
        if word == "tcp" { return add(.transport(IPProtocol.tcp)) }
        if word == "syn" { return add(.flags(.syn)) }
        if word == "fin" { return add(.flags(.fin)) }
        if word == "rst" { return add(.flags(.rst)) }
        var side = Side.both
        var word = word
        if word == "src" || word == "dst" {
            side = word == "src" ? .source : .destination
            guard words.count > 0 else { return false }
            word = words[0]
            words = words.dropFirst(1)
        }
        guard words.count > 0 else { return false }
        let value = words[0]
        words = words.dropFirst(1)
        if word == "host" {
            guard let address = parseAddress(value)?.ipv4 else { return false }
            return add(.network(address, prefixLength: 32, side))
        }
        if word == "net" {
            guard let (network, prefixLength) = parseNetwork(value, standard: 32), let address = network.ipv4 else {
                return false
            }
            return add(.network(address, prefixLength: prefixLength, side))
        }
        if word == "port" {
            guard let number = value.number, number >= 0, number <= 65535 else { return false }
            return add(.port(UInt16(number), side))
        }
        return false
    }

    private mutating func add(_ step: Step) -> Bool {
        steps.append(step)
        return true
    }

    // MARK: Running

    /// Whether a frame, from its Ethernet header on, matches.
    func matches(_ frame: RawSpan) -> Bool {
        guard !steps.isEmpty else { return true }
        let facts = Facts(frame)
        var stack: UInt64 = 0
        for step in steps {
            switch step {
            case .and: stack = stack >> 1 & (stack | ~1)
            case .or: stack = stack >> 1 | stack & 1
            case .not: stack ^= 1
            default: stack = stack << 1 | (Self.holds(step, facts) ? 1 : 0)
            }
        }
        return stack & 1 != 0
    }

    private static func holds(_ step: Step, _ facts: Facts) -> Bool {
        switch step {
        case .etherType(let type): return facts.type == type
        case .transport(let number): return facts.transport == number
        case .flags(let flags): return facts.flags?.isSuperset(of: flags) == true
        case .network(let address, let prefixLength, let side):
            guard let source = facts.source, let destination = facts.destination else { return false }
            let mask = ipv4Mask(prefixLength)
            return either(side, (source ^ address) & mask == 0, (destination ^ address) & mask == 0)
        case .port(let port, let side):
            guard let ports = facts.ports else { return false }
            return either(side, ports.source == port, ports.destination == port)
        case .and, .or, .not: return false
        }
    }

    private static func either(_ side: Side, _ source: Bool, _ destination: Bool) -> Bool {
        switch side {
        case .both: source || destination
        case .source: source
        case .destination: destination
        }
    }
}

/// The fields of a frame that filters compare.
private struct Facts {
    var type: UInt16 = 0
    var transport: UInt8?
    var source: UInt32?
    var destination: UInt32?
    var ports: (source: UInt16, destination: UInt16)?
    /// Of TCP.
    var flags: TCPFlags?

    init(_ frame: RawSpan) {
        guard let ethernet = EthernetHeader(parsing: frame) else { return }
        type = ethernet.type
        let start = EthernetHeader.byteCount
        if type == EtherType.arp, let message = ARPMessage(parsing: frame.extracting(start..<frame.byteCount)) {
            source = message.senderProtocol.bits
            destination = message.targetProtocol.bits
        }
        guard type == EtherType.ipv4, frame.byteCount >= start + 20 else { return }
        transport = frame.byte(start + 9)
        source = frame.be32(start + 12)
        destination = frame.be32(start + 16)
        let payload = start + Int(frame.byte(start) & 15) * 4
        guard transport == IPProtocol.udp || transport == IPProtocol.tcp, frame.be16(start + 6) & 0x1fff == 0,
            frame.byteCount >= payload + 4
        else { return }
        ports = (frame.be16(payload), frame.be16(payload + 2))
        guard transport == IPProtocol.tcp, frame.byteCount >= payload + 14 else { return }
        flags = TCPFlags(rawValue: frame.byte(payload + 13))
    }
}
