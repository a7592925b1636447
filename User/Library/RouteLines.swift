// The route table, as route and netstat show it.

import SystemInterface

/// Prints the route table, the most specific route first.
public func showRoutes() throws(SystemError) {
    let interfaces = try allInterfaces()
    print("destination         router           interface")
    let empty = RouteReport(destination: .none, prefixLength: 0, router: .none, interface: 0)
    try System.forEach(.routes, empty) { route in
        let length = route.destination.ipv4 == nil ? route.prefixLength : route.prefixLength - 96
        let destination: Text = length == 0 ? "default" : "\(address: route.destination)/\(length)"
        let router: Text = route.router == .none ? "on the link" : "\(address: route.router)"
        let byHand: StaticString = route.isStatic ? " by hand" : ""
        print("\(padded(destination, 20))\(padded(router, 17))\(interfaces.name(of: route.interface))\(byHand)")
    }
}
