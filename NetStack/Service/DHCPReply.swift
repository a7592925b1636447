// DHCP messages as a server writes them: read, checked, and made a lease of.
//
// Promise: no length, count or option from outside is used before it was checked against the bytes that there are. An
// option that decides something (type, server, mask, lease time, overload) and has the wrong length makes the message
// malformed; another is passed over.

/// Why a message is refused.
public enum DHCPReplyError: Error {
    case tooShort, notAReply, notEthernet, noCookie, badOption, noMessageType
}

public struct DHCPReply {
    public private(set) var type = DHCPMessageType.discover
    public let transaction: UInt32
    /// chaddr: the client that it is for.
    public let hardware: EthernetAddress
    /// yiaddr: the address that is given.
    public let address: IPv4Address
    /// Option 54.
    public private(set) var server: IPv4Address?
    public private(set) var mask: UInt32?
    /// The first router that is offered and may be one.
    public private(set) var router: IPv4Address?
    public private(set) var nameServers = DHCPServers()
    /// Option 119, or without that option 15.
    public private(set) var domains = DHCPDomains()
    /// Options 121 and 249; nil: neither is there.
    public private(set) var routes: DHCPRoutes?
    /// Option 26, 68 at least.
    public private(set) var mtu: UInt16?
    /// Option 42.
    public private(set) var timeServers = DHCPServers()
    /// Seconds; 0xffffffff: for ever.
    public private(set) var leaseTime: UInt32?
    public private(set) var renewalTime: UInt32?
    public private(set) var rebindingTime: UInt32?

    /// Takes the payload of a datagram. An options field without an end option ends with the message.
    public init(parsing bytes: RawSpan) throws(DHCPReplyError) {
        guard bytes.byteCount > DHCPField.options else { throw .tooShort }
        guard bytes.byte(DHCPField.operation) == 2 else { throw .notAReply }
        guard bytes.be16(1) == 0x0106 else { throw .notEthernet }
        guard bytes.be32(DHCPField.cookie) == DHCPField.cookieValue else { throw .noCookie }
        transaction = bytes.be32(DHCPField.transaction)
        hardware = EthernetAddress(bytes, at: DHCPField.hardware)
        address = IPv4Address(bits: bytes.be32(DHCPField.yourAddress))
        var found = Found()
        try readAll(bytes, &found)
        guard found.hasType else { throw .noMessageType }
        if found.hasSearch { try readSearch(bytes, &found) }
        if found.routes != 0 { try readRoutes(bytes, &found) }
    }

    /// What is only of interest while options are read.
    private struct Found {
        var hasType = false
        var overload: UInt8 = 0
        var hasSearch = false
        /// The option with classless routes; 0: none.
        var routes: UInt8 = 0
        /// The one option that is put together; 0: all others are taken.
        var wanted: UInt8 = 0
        var whole = LongOption()
    }

    private mutating func readAll(_ bytes: RawSpan, _ found: inout Found) throws(DHCPReplyError) {
        try readOptions(bytes, from: DHCPField.options, to: bytes.byteCount, &found)
        // RFC 2132, 9.3: first the file field, then the server name.
        let overload = found.overload
        if overload & 1 != 0 { try readOptions(bytes, from: DHCPField.file, to: DHCPField.cookie, &found) }
        if overload & 2 != 0 { try readOptions(bytes, from: DHCPField.serverName, to: DHCPField.file, &found) }
    }

    @inline(never)
    private mutating func readSearch(_ bytes: RawSpan, _ found: inout Found) throws(DHCPReplyError) {
        found.wanted = DHCPOption.domainSearch
        try readAll(bytes, &found)
        domains = DHCPDomains()
        found.whole.forBytes { domains.append(names: $0) }
    }

    @inline(never)
    private mutating func readRoutes(_ bytes: RawSpan, _ found: inout Found) throws(DHCPReplyError) {
        found.wanted = found.routes
        found.whole.count = 0
        try readAll(bytes, &found)
        var routes = DHCPRoutes()
        if found.whole.forBytes({ routes.read($0) }) { self.routes = routes }
    }

    private mutating func readOptions(
        _ bytes: RawSpan, from start: Int, to end: Int, _ found: inout Found
    ) throws(DHCPReplyError) {
        var at = start
        while at < end {
            let code = bytes.byte(at)
            at += 1
            if code == DHCPOption.pad { continue }
            if code == DHCPOption.end { return }
            guard at < end else { throw .badOption }
            let length = Int(bytes.byte(at))
            at += 1
            guard length <= end - at else { throw .badOption }
            try take(code, bytes, at, length, &found)
            at += length
        }
    }

    private mutating func take(
        _ code: UInt8, _ bytes: RawSpan, _ at: Int, _ length: Int, _ found: inout Found
    ) throws(DHCPReplyError) {
        if found.wanted != 0 {
            if code == found.wanted { found.whole.append(bytes, at, length) }
            return
        }
        switch code {
        case DHCPOption.messageType:
            guard length == 1, let type = DHCPMessageType(rawValue: bytes.byte(at)) else { throw .badOption }
            self.type = type
            found.hasType = true
        case DHCPOption.overload:
            guard length == 1, bytes.byte(at) >= 1, bytes.byte(at) <= 3 else { throw .badOption }
            found.overload = bytes.byte(at)
        case DHCPOption.server: server = IPv4Address(bits: try Self.word(bytes, at, length))
        case DHCPOption.subnetMask: mask = try Self.word(bytes, at, length)
        case DHCPOption.leaseTime: leaseTime = try Self.word(bytes, at, length)
        case DHCPOption.renewalTime where length == 4: renewalTime = bytes.be32(at)
        case DHCPOption.rebindingTime where length == 4: rebindingTime = bytes.be32(at)
        case DHCPOption.router where length % 4 == 0:
            for i in 0..<length / 4 where router == nil {
                let address = IPv4Address(bits: bytes.be32(at + 4 * i))
                if address.isUnicast { router = address }
            }
        case DHCPOption.nameServers where length % 4 == 0:
            for i in 0..<length / 4 { nameServers.append(IPv4Address(bits: bytes.be32(at + 4 * i))) }
        case DHCPOption.timeServers where length % 4 == 0:
            for i in 0..<length / 4 { timeServers.append(IPv4Address(bits: bytes.be32(at + 4 * i))) }
        case DHCPOption.domainName: domains.append(bytes, at, length)
        case DHCPOption.interfaceMTU where length == 2 && bytes.be16(at) >= 68: mtu = bytes.be16(at)
        case DHCPOption.domainSearch: found.hasSearch = true
        case DHCPOption.classlessRoutes: found.routes = code
        case DHCPOption.oldClasslessRoutes where found.routes == 0: found.routes = code
        default: break
        }
    }

    private static func word(_ bytes: RawSpan, _ at: Int, _ length: Int) throws(DHCPReplyError) -> UInt32 {
        guard length == 4 else { throw .badOption }
        return bytes.be32(at)
    }
}
