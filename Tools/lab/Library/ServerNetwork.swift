// A network of the grader's own: a namespace with a bridge, a tap for the guest, and dnsmasq, which gives addresses of
// 192.168.76.0/24. Without root it is made in a user namespace, where the machine allows that.

import Foundation

final class ServerNetwork {
    /// The server, which also keeps the namespace.
    private let server = Process()
    private let log = FileManager.default.temporaryDirectory.appendingPathComponent("lab-server-\(UUID().uuidString)")

    /// Makes it; nil where it cannot be made: dnsmasq, ip or nsenter is missing, or a namespace with a tap is not
    /// allowed.
    init?(_ tree: Tree) {
        guard ["unshare", "nsenter", "ip", "dnsmasq"].allSatisfy(GuestTests.isInstalled) else { return nil }
        // No pid file and no change of group, which a user's namespace refuses. bash stays, since dnsmasq closes the
        // descriptors by whose end Process knows that a program has ended.
        let script = """
            ip link set lo up && STATE=/dev/null qemu/network up &&
                setpriv --pdeathsig KILL dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= --user=root --group= \
                    --interface=br0 --bind-interfaces --dhcp-range=192.168.76.11,192.168.76.99,1h --dhcp-authoritative \
                    --dhcp-leasefile=/dev/null --no-resolv --no-hosts --log-facility=- --log-dhcp --no-ping
            exit
            """
        server.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        server.arguments =
            ["unshare", "--net"] + Self.mapping + ["setpriv", "--pdeathsig", "KILL", "bash", "-c", script]
        server.currentDirectoryURL = tree.root
        guard FileManager.default.createFile(atPath: log.path, contents: nil),
            let output = try? FileHandle(forWritingTo: log)
        else { return nil }
        server.standardInput = FileHandle.nullDevice
        server.standardOutput = output
        server.standardError = output
        guard (try? server.run()) != nil else { return nil }
        let deadline = Date(timeIntervalSinceNow: 30)
        while (try? String(contentsOf: log, encoding: .utf8))?.contains("DHCP, IP range") != true {
            guard server.isRunning, Date() < deadline else {
                end()
                return nil
            }
            Thread.sleep(forTimeInterval: 0.02)
        }
    }

    deinit { end() }

    func end() {
        try? FileManager.default.removeItem(at: log)
        guard server.isRunning else { return }
        kill(server.processIdentifier, SIGKILL)
        server.waitUntilExit()
    }

    private static var mapping: [String] { getuid() == 0 ? [] : ["--user", "--map-root-user"] }

    /// What stands before a command that is to run in it.
    var entry: [String] {
        ["nsenter", "--target", "\(server.processIdentifier)", "--net"]
            + (getuid() == 0 ? [] : ["--user", "--preserve-credentials"])
    }
}
