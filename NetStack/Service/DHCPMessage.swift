// DHCP messages as a client writes them (RFC 2131, 2; RFC 2132): the BOOTP fields, the magic cookie, options, and
// padding.
//
// Every message is 300 bytes long: the least that BOOTP relays and some servers take (RFC 1542, 2.1).

public enum DHCPPort {
    public static var server: UInt16 { 67 }
    public static var client: UInt16 { 68 }
}

/// Option 53.
public enum DHCPMessageType: UInt8, Sendable {
    case discover = 1, offer, request, decline, ack, nak, release
}

/// Options by number (RFC 2132).
enum DHCPOption {
    static var pad: UInt8 { 0 }
    static var subnetMask: UInt8 { 1 }
    static var router: UInt8 { 3 }
    static var nameServers: UInt8 { 6 }
    static var hostName: UInt8 { 12 }
    static var domainName: UInt8 { 15 }
    static var interfaceMTU: UInt8 { 26 }
    static var broadcastAddress: UInt8 { 28 }
    static var timeServers: UInt8 { 42 }
    static var requestedAddress: UInt8 { 50 }
    static var leaseTime: UInt8 { 51 }
    static var overload: UInt8 { 52 }
    static var messageType: UInt8 { 53 }
    static var server: UInt8 { 54 }
    static var parameterList: UInt8 { 55 }
    static var greatestMessage: UInt8 { 57 }
    static var renewalTime: UInt8 { 58 }
    static var rebindingTime: UInt8 { 59 }
    static var clientIdentifier: UInt8 { 61 }
    /// RFC 3397.
    static var domainSearch: UInt8 { 119 }
    /// RFC 3442, and the number that some servers gave the same option before it had one.
    static var classlessRoutes: UInt8 { 121 }
    static var oldClasslessRoutes: UInt8 { 249 }
    static var end: UInt8 { 255 }
}

/// Where the fields of a message lie.
enum DHCPField {
    static var operation: Int { 0 }
    static var transaction: Int { 4 }
    static var seconds: Int { 8 }
    static var clientAddress: Int { 12 }
    static var yourAddress: Int { 16 }
    static var hardware: Int { 28 }
    static var serverName: Int { 44 }
    static var file: Int { 108 }
    static var cookie: Int { 236 }
    static var options: Int { 240 }
    static var cookieValue: UInt32 { 0x6382_5363 }
}

/// A message to a server.
public struct DHCPMessage: Equatable, Sendable {
    public static var byteCount: Int { 300 }

    public var type: DHCPMessageType
    /// xid: replies repeat it.
    public var transaction: UInt32
    /// Since the client began to ask.
    public var seconds: UInt16
    public var hardware: EthernetAddress
    /// ciaddr: the address in use, when renewing or releasing.
    public var clientAddress = IPv4Address.any
    /// Option 50.
    public var requestedAddress: IPv4Address?
    /// Option 54.
    public var server: IPv4Address?

    public init(type: DHCPMessageType, transaction: UInt32, seconds: UInt16, hardware: EthernetAddress) {
        self.type = type
        self.transaction = transaction
        self.seconds = seconds
        self.hardware = hardware
    }

    /// Writes 300 bytes at the front of `bytes`, which must have the room.
    /// The broadcast flag stays 0: this stack takes a unicast reply before it has the address (RFC 2131, 4.1).
    public func emit(to bytes: inout MutableRawSpan) {
        for word in 0..<Self.byteCount / 4 { bytes.setBE32(0, 4 * word) }
        bytes.setBE32(0x0101_0600, DHCPField.operation)  // a request; Ethernet, 6 bytes; no hops
        bytes.setBE32(transaction, DHCPField.transaction)
        bytes.setBE16(seconds, DHCPField.seconds)
        bytes.setBE32(clientAddress.bits, DHCPField.clientAddress)
        for i in 0..<6 { bytes.setByte(hardware[i], DHCPField.hardware + i) }
        bytes.setBE32(DHCPField.cookieValue, DHCPField.cookie)
        var at = DHCPField.options
        Self.put(DHCPOption.messageType, 1, at: &at, &bytes)
        bytes.setByte(type.rawValue, at - 1)
        Self.put(DHCPOption.clientIdentifier, 7, at: &at, &bytes)
        bytes.setByte(1, at - 7)  // Ethernet
        for i in 0..<6 { bytes.setByte(hardware[i], at - 6 + i) }
        if let requestedAddress {
            Self.put(DHCPOption.requestedAddress, 4, at: &at, &bytes)
            bytes.setBE32(requestedAddress.bits, at - 4)
        }
        if let server {
            Self.put(DHCPOption.server, 4, at: &at, &bytes)
            bytes.setBE32(server.bits, at - 4)
        }
        if type == .discover || type == .request { Self.putWishes(at: &at, &bytes) }
        bytes.setByte(DHCPOption.end, at)
    }

    /// What only DISCOVER and REQUEST may carry (RFC 2131, table 5).
    private static func putWishes(at: inout Int, _ bytes: inout MutableRawSpan) {
        put(DHCPOption.greatestMessage, 2, at: &at, &bytes)
        bytes.setBE16(1500, at - 2)
        let name: StaticString = "swiftlet"
        put(DHCPOption.hostName, UInt8(name.utf8CodeUnitCount), at: &at, &bytes)
        for i in 0..<name.utf8CodeUnitCount { bytes.setByte(name.byte(i), at - name.utf8CodeUnitCount + i) }
        put(DHCPOption.parameterList, UInt8(truncatingIfNeeded: wishes.count), at: &at, &bytes)
        let wishes = wishes
        for i in 0..<wishes.count { bytes.setByte(wishes[i], at - wishes.count + i) }
    }

    /// Option 55. The classless routes stand before the router, which they replace (RFC 3442).
    private static var wishes: [13 of UInt8] {
        [
            DHCPOption.subnetMask, DHCPOption.classlessRoutes, DHCPOption.oldClasslessRoutes, DHCPOption.router,
            DHCPOption.nameServers, DHCPOption.domainName, DHCPOption.domainSearch, DHCPOption.interfaceMTU,
            DHCPOption.broadcastAddress, DHCPOption.timeServers, DHCPOption.leaseTime, DHCPOption.renewalTime,
            DHCPOption.rebindingTime,
        ]
    }

    /// Writes an option's code and length, and moves `at` behind its value.
    private static func put(_ code: UInt8, _ length: UInt8, at: inout Int, _ bytes: inout MutableRawSpan) {
        bytes.setByte(code, at)
        bytes.setByte(length, at + 1)
        at += 2 + Int(length)
    }
}
