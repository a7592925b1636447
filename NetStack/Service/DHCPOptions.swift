// The values of DHCP options that are lists: servers, domains, routes. All are bounded; what is beyond is left out.

/// Up to three servers of a kind, in the server's order.
public struct DHCPServers: Sendable {
    private var addresses = InlineArray<3, IPv4Address>(repeating: .any)
    public private(set) var count = 0

    init() {}

    public subscript(_ index: Int) -> IPv4Address { index >= 0 && index < count ? addresses[index] : .any }

    mutating func append(_ address: IPv4Address) {
        guard count < 3, address.isUnicast || address.isLoopback else { return }
        addresses[count] = address
        count += 1
    }
}

/// Domain names of letters, digits, hyphens, underscores and dots, with one space between two of them; empty when none
/// was given, or anything else (it will be shown).
public struct DHCPDomains: Sendable {
    public static var limit: Int { 120 }

    private var bytes = InlineArray<120, UInt8>(repeating: 0)
    public private(set) var count = 0
    private var isBad = false

    init() {}

    public subscript(_ index: Int) -> UInt8 { index >= 0 && index < count ? bytes[index] : 0 }

    /// Adds one piece of option 15: a long option comes in several (RFC 3396). Some servers write several names.
    mutating func append(_ source: RawSpan, _ at: Int, _ length: Int) {
        for i in 0..<length {
            let byte = source.byte(at + i)
            if byte == 0 { break }  // some servers count a final NUL
            put(byte)
        }
    }

    /// Adds the names of option 119 (RFC 3397): in the wire's form, with pointers into the option.
    mutating func append(names option: RawSpan) {
        var name = DNSName()
        var at = 0
        while at < option.byteCount, name.parse(option, at: &at) {
            if count > 0 { put(0x20) }
            name.forEachCharacter { put($0) }  // an escaped one is refused
        }
    }

    private mutating func put(_ byte: UInt8) {
        let isLetter = byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a
        let isDigit = byte >= 0x30 && byte <= 0x39
        let isFit = isLetter || isDigit || byte == 0x20 || byte == 0x2d || byte == 0x2e || byte == 0x5f
        guard isFit, !isBad, count < Self.limit else {
            isBad = true
            count = 0
            return
        }
        if byte == 0x20, count == 0 || bytes[count - 1] == 0x20 { return }
        bytes[count] = byte
        count += 1
    }

    /// Where name number `index` lies; nil when there are fewer.
    func name(_ index: Int) -> Range<Int>? {
        var start = 0, left = index
        for i in 0...count where i == count || bytes[i] == 0x20 {
            if i > start {
                if left == 0 { return start..<i }
                left -= 1
            }
            start = i + 1
        }
        return nil
    }
}

/// A way to a network; a gateway of 0.0.0.0: on the link.
public struct DHCPRoute: Equatable, Sendable {
    public let network: IPv4Address
    public let prefixLength: Int
    public let gateway: IPv4Address
}

/// Up to eight classless routes (RFC 3442).
public struct DHCPRoutes: Equatable, Sendable {
    private var routes = InlineArray<8, DHCPRoute>(
        repeating: DHCPRoute(network: .any, prefixLength: 0, gateway: .any))
    public private(set) var count = 0

    init() {}

    public subscript(_ index: Int) -> DHCPRoute { routes[min(max(index, 0), 7)] }

    public static func == (left: DHCPRoutes, right: DHCPRoutes) -> Bool {
        guard left.count == right.count else { return false }
        for i in 0..<left.count where left.routes[i] != right.routes[i] { return false }
        return true
    }

    /// The router for everything that no other route is for.
    var router: IPv4Address? {
        for i in 0..<count where routes[i].prefixLength == 0 && routes[i].gateway != .any { return routes[i].gateway }
        return nil
    }

    /// Takes the routes of an option; false when it is malformed.
    mutating func read(_ option: RawSpan) -> Bool {
        var at = 0
        while at < option.byteCount {
            let prefixLength = Int(option.byte(at))
            let byteCount = (prefixLength + 7) / 8
            guard prefixLength <= 32, at + 1 + byteCount + 4 <= option.byteCount else { return false }
            var bits: UInt32 = 0
            for i in 0..<byteCount { bits |= UInt32(option.byte(at + 1 + i)) << UInt32(24 - 8 * i) }
            let gateway = IPv4Address(bits: option.be32(at + 1 + byteCount))
            at += 1 + byteCount + 4
            guard count < 8, gateway == .any || gateway.isUnicast else { continue }
            routes[count] = DHCPRoute(
                network: IPv4Address(bits: bits & ipv4Mask(prefixLength)), prefixLength: prefixLength, gateway: gateway)
            count += 1
        }
        return true
    }
}

/// The value of an option that came in several pieces (RFC 3396), as far as it fits.
struct LongOption {
    private var bytes = InlineArray<256, UInt8>(repeating: 0)
    var count = 0

    mutating func append(_ source: RawSpan, _ at: Int, _ length: Int) {
        for i in 0..<min(length, 256 - count) {
            bytes[count] = source.byte(at + i)
            count += 1
        }
    }

    func forBytes<Result>(_ body: (RawSpan) -> Result) -> Result {
        // The bytes of a span are called unsafe because other types have padding; these are bytes.
        unsafe body(bytes.span.bytes.extracting(0..<count))
    }
}
