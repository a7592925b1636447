// The tables of the network, and the changes that can be made by hand (SystemCallNumber has the contract).

import Drivers
import NetStack
import SystemInterface

enum NetworkStatusCalls {
    static func status(of table: Int32, index: Int32, to address: UserAddress) throws(SystemError) -> Int {
        guard let table = NetworkTable(rawValue: table), index >= 0 else { throw .invalidArgument }
        let index = Int(index)
        switch table {
        case .interfaces:
            return try tell(try look { ($0.interfaceCount, StackReports.interface(index, of: &$0)) }, index, address)
        case .routes: return try tell(try look { ($0.routes.count, StackReports.route(index, of: $0)) }, index, address)
        case .neighbours:
            return try tell(
                try look { (StackLimit.neighbours, StackReports.neighbour(index, of: $0)) }, index, address)
        case .sockets:
            return try tell(try look { ($0.allSocketCount, StackReports.socket(index, of: $0)) }, index, address)
        case .drops:
            return try tell(try look { ($0.interfaceCount, StackReports.drops(index, of: &$0)) }, index, address)
        case .nameServers:
            return try tell(
                try look { ($0.nameServers.count, StackReports.nameServer(index, of: $0)) }, index, address)
        case .connections:
            return try tell(try look { ($0.connectionCount, StackReports.connection(index, of: $0)) }, index, address)
        case .streamCounters: return try tell(try look { (1, StackReports.streamCounters(of: $0)) }, index, address)
        case .memory: return try tell(try look { (1, StackReports.memory(of: $0)) }, index, address)
        case .packets: return try tell(try look { (1, StackReports.packets(of: $0)) }, index, address)
        }
    }

    private static func look<Record: BitwiseCopyable>(
        _ body: (inout Stack) -> (Int, Record?)
    ) throws(SystemError) -> (Int, Record?) {
        guard let answer = Network.onStack(body) else { throw .networkDown }
        return answer
    }

    private static func tell<Record: BitwiseCopyable>(
        _ answer: (count: Int, record: Record?), _ index: Int, _ address: UserAddress
    ) throws(SystemError) -> Int {
        guard index < answer.count else { return answer.count }
        guard let record = answer.record else { throw .noSuchFile }
        try address.store(record)
        return answer.count
    }

    static func change(_ change: Int32, record: UserAddress) throws(SystemError) -> Int {
        try current.requirePrivilege()
        guard let change = NetworkChange(rawValue: change) else { throw .invalidArgument }
        switch change {
        case .setAddress: try setAddress(try record.load(as: InterfaceReport.self))
        case .addRoute: try addRoute(try record.load(as: RouteReport.self))
        case .deleteRoute: try deleteRoute(try record.load(as: RouteReport.self))
        case .deleteNeighbour: try deleteNeighbour(try record.load(as: NeighbourReport.self))
        case .addNeighbour: try addNeighbour(try record.load(as: NeighbourReport.self))
        case .setMTU: try setMTU(try record.load(as: InterfaceReport.self))
        case .setOffloads: try setOffloads(try record.load(as: InterfaceReport.self))
        case .setUp, .setDown:
            let wanted = try record.load(as: InterfaceReport.self)
            try Network.withStack { (stack) throws(SystemError) in
                guard stack.setUp(InterfaceID(rawValue: wanted.number), change == .setUp, now: Clock.now) else {
                    throw .networkDown
                }
            }
        case .addNameServer: try addNameServer(try record.load(as: NameServerReport.self))
        case .clearNameServers: try Network.withStack { (stack) throws(SystemError) in stack.clearNameServers() }
        }
        return 0
    }

    private static func setAddress(_ wanted: InterfaceReport) throws(SystemError) {
        guard let address = ipv4(wanted.address), let router = ipv4(wanted.router), wanted.prefixLength <= 32 else {
            throw .invalidArgument
        }
        let prefixLength = Int(wanted.prefixLength)
        if address != .any {
            let hostBits = ~ipv4Mask(prefixLength)
            let host = address.bits & hostBits
            guard address.isUnicast, prefixLength > 0, prefixLength > 30 || (host != 0 && host != hostBits) else {
                throw .invalidArgument
            }
        }
        if router != .any {
            let isOnNetwork = (router.bits ^ address.bits) & ipv4Mask(prefixLength) == 0
            // With an address alone on its network, the router is outside of it.
            guard router.isUnicast, router != address, isOnNetwork || prefixLength == 32 else { throw .invalidArgument }
        }
        try Network.withStack { (stack) throws(SystemError) in
            let isDone = stack.configure(
                InterfaceID(rawValue: wanted.number), address: address, prefixLength: prefixLength,
                gateway: router == .any ? nil : router)
            guard isDone else { throw .networkDown }
        }
    }

    private static func setMTU(_ wanted: InterfaceReport) throws(SystemError) {
        try Network.withStack { (stack) throws(SystemError) in
            let isDone = stack.withInterface(InterfaceID(rawValue: wanted.number)) { interface in
                interface.setMTU(Int(min(wanted.mtu, 65_536)))
            }
            guard let isDone else { throw .networkDown }
            guard isDone else { throw .invalidArgument }
        }
    }

    private static func setOffloads(_ wanted: InterfaceReport) throws(SystemError) {
        try Network.withStack { (stack) throws(SystemError) in
            let isDone = stack.use(
                NetworkCapabilities(rawValue: wanted.capabilities.rawValue), at: InterfaceID(rawValue: wanted.number))
            guard let isDone else { throw .networkDown }
            guard isDone else { throw .notSupported }
        }
    }

    /// 0.0.0.0 for `::`; nil for an address of IPv6.
    private static func ipv4(_ address: NetworkAddress) -> IPv4Address? {
        address == .none ? .any : IPAddress(address).ipv4
    }

    private static func addRoute(_ wanted: RouteReport) throws(SystemError) {
        try Network.withStack { (stack) throws(SystemError) in
            do throws(RouteError) {
                try stack.addRoute(
                    to: IPAddress(wanted.destination), prefixLength: Int(wanted.prefixLength),
                    gateway: IPAddress(wanted.router),
                    interface: wanted.chosen)
            } catch {
                throw error.systemError
            }
        }
    }

    private static func deleteRoute(_ wanted: RouteReport) throws(SystemError) {
        try Network.withStack { (stack) throws(SystemError) in
            do throws(RouteError) {
                try stack.removeRoute(
                    to: IPAddress(wanted.destination), prefixLength: Int(wanted.prefixLength), interface: wanted.chosen)
            } catch {
                throw error.systemError
            }
        }
    }

    private static func addNameServer(_ wanted: NameServerReport) throws(SystemError) {
        guard let server = ipv4(wanted.address), server.isUnicast || server.isLoopback else { throw .invalidArgument }
        try Network.withStack { (stack) throws(SystemError) in
            guard stack.addNameServer(server) else { throw .noBufferSpace }
        }
    }

    private static func deleteNeighbour(_ wanted: NeighbourReport) throws(SystemError) {
        try Network.withStack { (stack) throws(SystemError) in
            guard stack.forgetNeighbour(IPAddress(wanted.address)) else { throw .noSuchFile }
        }
    }

    private static func addNeighbour(_ wanted: NeighbourReport) throws(SystemError) {
        let hardware = EthernetAddress(bits: wanted.hardware)
        guard hardware.isUnicast else { throw .invalidArgument }
        try Network.withStack { (stack) throws(SystemError) in
            guard stack.addNeighbour(IPAddress(wanted.address), hardware, now: Clock.now) else { throw .noBufferSpace }
        }
    }
}

extension RouteReport {
    /// The interface that a program named; nil: whichever.
    fileprivate var chosen: InterfaceID? {
        interface == RouteReport.anyInterface ? nil : InterfaceID(rawValue: interface)
    }
}

extension RouteError {
    fileprivate var systemError: SystemError {
        switch self {
        case .malformed: .invalidArgument
        case .tableFull: .noBufferSpace
        case .exists: .fileExists
        case .notFound: .noSuchFile
        }
    }
}
