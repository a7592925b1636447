// What a DHCP server granted, once it makes sense.

public struct DHCPLease: Sendable {
    public let address: IPv4Address
    public let prefixLength: Int
    /// The router, if one was named that is on this network.
    public let router: IPv4Address?
    public let nameServers: DHCPNameServers
    public let domain: DHCPDomain
    public let server: IPv4Address
    /// Seconds from the request on; 0xffffffff: for ever.
    public let leaseTime: UInt32
    /// T1: from then on the server is asked to renew.
    public let renewalTime: UInt32
    /// T2: from then on any server is asked.
    public let rebindingTime: UInt32

    public static var forEver: UInt32 { .max }

    /// nil when something that a lease needs is missing or cannot be: a host's address, a contiguous mask, a server, a
    /// time above 0.
    public init?(_ reply: DHCPReply) {
        guard let server = reply.server, server.isUnicast, let time = reply.leaseTime, time > 0 else { return nil }
        guard reply.address.isUnicast else { return nil }
        let mask = reply.mask ?? Self.classMask(of: reply.address)
        let hostBits = ~mask
        guard mask != 0, hostBits & (hostBits &+ 1) == 0 else { return nil }
        let host = reply.address.bits & hostBits
        guard hostBits <= 1 || (host != 0 && host != hostBits) else { return nil }
        address = reply.address
        prefixLength = mask.nonzeroBitCount
        if let router = reply.router, (router.bits ^ reply.address.bits) & mask == 0, router != reply.address {
            self.router = router
        } else {
            router = nil
        }
        nameServers = reply.nameServers
        domain = reply.domain
        self.server = server
        leaseTime = time
        (renewalTime, rebindingTime) = Self.times(of: reply, lease: time)
    }

    /// T1 and T2 as given, when they are in order; else one half and seven eighths (RFC 2131, 4.4.5).
    private static func times(of reply: DHCPReply, lease: UInt32) -> (UInt32, UInt32) {
        guard lease != forEver else { return (forEver, forEver) }
        let half = max(1, lease / 2), most = lease - lease / 8
        let rebinding = reply.rebindingTime ?? most
        let renewal = reply.renewalTime ?? min(half, rebinding)
        if renewal > 0, renewal <= rebinding, rebinding <= lease { return (renewal, rebinding) }
        return (half, most)
    }

    /// For servers that name no mask: that of the address's class (RFC 950).
    private static func classMask(of address: IPv4Address) -> UInt32 {
        address.bits >> 31 == 0 ? 0xff00_0000 : address.bits >> 30 == 2 ? 0xffff_0000 : 0xffff_ff00
    }
}
