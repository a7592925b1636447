// What a DHCP server granted, once it makes sense.

/// What is wrong with a reply that seems to grant something.
public enum DHCPFlaw: UInt8, Sendable {
    case none, malformed, noServer, noLeaseTime, badAddress, badMask
}

public struct DHCPLease: Sendable {
    public let address: IPv4Address
    public let prefixLength: Int
    /// The router, if one was named that is on this network; or what option 121 says.
    public private(set) var router: IPv4Address?
    public private(set) var routes = DHCPRoutes()
    public let nameServers: DHCPServers
    public let domains: DHCPDomains
    public let timeServers: DHCPServers
    /// Bytes; nil: as the card has it.
    public let mtu: UInt16?
    public let server: IPv4Address
    /// Seconds from the request on; 0xffffffff: for ever.
    public let leaseTime: UInt32
    /// T1: from then on the server is asked to renew.
    public let renewalTime: UInt32
    /// T2: from then on any server is asked.
    public let rebindingTime: UInt32
    /// T1 and T2 were not given: one half and seven eighths.
    let hasUsualTimes: Bool

    public static var forEver: UInt32 { .max }

    /// What stands against a reply: something that a lease needs is missing or cannot be: a host's address, a contiguous
    /// mask, a server, a time above 0.
    /// - Parameter known: what the reply is about; it has what the reply does not say.
    static func flaw(of reply: DHCPReply, known: DHCPLease?) -> DHCPFlaw {
        guard let server = reply.server ?? known?.server, server.isUnicast else { return .noServer }
        guard let time = reply.leaseTime, time > 0 else { return .noLeaseTime }
        guard reply.address.isUnicast else { return .badAddress }
        let hostBits = ~mask(of: reply, known: known)
        guard hostBits != .max, hostBits & (hostBits &+ 1) == 0 else { return .badMask }
        let host = reply.address.bits & hostBits
        guard hostBits <= 1 || (host != 0 && host != hostBits) else { return .badAddress }
        return .none
    }

    private static func mask(of reply: DHCPReply, known: DHCPLease?) -> UInt32 {
        reply.mask ?? known.map { ipv4Mask($0.prefixLength) } ?? classMask(of: reply.address)
    }

    /// nil when there is a flaw. What the reply does not say stays as it is `known` (RFC 2131, 4.3.1: a server need not
    /// repeat what the client has).
    public init?(_ reply: DHCPReply, known: DHCPLease? = nil) {
        guard Self.flaw(of: reply, known: known) == .none, let server = reply.server ?? known?.server,
            let time = reply.leaseTime
        else { return nil }
        let mask = Self.mask(of: reply, known: known)
        address = reply.address
        prefixLength = mask.nonzeroBitCount
        nameServers = reply.nameServers.count > 0 ? reply.nameServers : known?.nameServers ?? reply.nameServers
        domains = reply.domains.count > 0 ? reply.domains : known?.domains ?? reply.domains
        timeServers = reply.timeServers.count > 0 ? reply.timeServers : known?.timeServers ?? reply.timeServers
        mtu = reply.mtu ?? known?.mtu
        self.server = server
        leaseTime = time
        (renewalTime, rebindingTime, hasUsualTimes) = Self.times(of: reply, lease: time)
        if let routes = reply.routes {
            self.routes = routes  // the router option does not count then (RFC 3442)
            router = routes.router
        } else if let router = reply.router {
            if (router.bits ^ reply.address.bits) & mask == 0, router != reply.address { self.router = router }
        } else if let known {
            routes = known.routes
            router = known.router
        }
    }

    /// T1 and T2 as given, when they are in order; else one half and seven eighths (RFC 2131, 4.4.5), and true.
    private static func times(of reply: DHCPReply, lease: UInt32) -> (UInt32, UInt32, Bool) {
        guard lease != forEver else { return (forEver, forEver, false) }
        let half = max(1, lease / 2), most = lease - lease / 8
        let rebinding = reply.rebindingTime ?? most
        let renewal = reply.renewalTime ?? min(half, rebinding)
        let isGiven = reply.renewalTime != nil || reply.rebindingTime != nil
        if isGiven, renewal > 0, renewal <= rebinding, rebinding <= lease { return (renewal, rebinding, false) }
        return (half, most, true)
    }

    /// For servers that name no mask: that of the address's class (RFC 950).
    private static func classMask(of address: IPv4Address) -> UInt32 {
        address.bits >> 31 == 0 ? 0xff00_0000 : address.bits >> 30 == 2 ? 0xffff_0000 : 0xffff_ff00
    }
}
