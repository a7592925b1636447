// A network that only the test sees: a namespace with br0, two taps, and this machine at 192.168.76.1, in which guests,
// servers and tools run. It ends with the object, and everything that was started in it ends before.

import Foundation
import TestSupport

final class PrivateNetwork: @unchecked Sendable {
    /// This machine's address on br0; guests are on the same /24.
    static let host = "192.168.76.1"

    /// Why there is none here; nil when there can be one.
    static let obstacle: String? = {
        let tools = ["ip", "nsenter", "dnsmasq", "ping"].filter { (try? runOnHost(["which", $0]).status) != 0 }
        guard tools.isEmpty else { return "\(tools.joined(separator: ", ")) not installed: make doctor says how" }
        let works =
            (try? runOnHost(unshare + ["sh", "-c", "ip link add br0 type bridge && ip tuntap add tap0 mode tap"]).status)
            == 0
        return works
            ? nil : "a private network namespace with taps cannot be made here (make doctor says what it needs)"
    }()
    static var isPossible: Bool { obstacle == nil }

    private static let isRoot = getuid() == 0
    private static let unshare = ["unshare", "--net"] + (isRoot ? [] : ["--user", "--map-root-user"])

    /// Keeps the namespace: reads from a pipe until that closes, however the test ends.
    private let keeper: Child
    private var servers: [Child] = []
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-network-\(UUID().uuidString)")

    /// - Parameter queues: of each tap, from 2 on for guests with `QUEUES`.
    init(queues: Int = 1) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        keeper = try Child(Self.unshare + ["sh", "-c", "echo; exec cat"], input: .pipe)
        _ = Child.next(from: keeper.output, seconds: 60)
        try run("ip", "link", "set", "lo", "up")
        try run("qemu/network", "up", environment: ["STATE": "/dev/null", "QUEUES": "\(queues)"])
    }

    deinit {
        for server in servers { server.end() }
        keeper.closeInput()
        _ = keeper.status(within: Child.grace)
        try? FileManager.default.removeItem(at: folder)
    }

    /// What stands before a command that is to run in the network.
    var entry: [String] {
        ["nsenter", "--target", "\(keeper.pid)", "--net"]
            + (Self.isRoot ? [] : ["--user", "--preserve-credentials"])
    }

    /// Runs a command in the network; throws, with its output, when it fails.
    @discardableResult
    func run(_ command: String..., environment: [String: String] = [:]) throws -> String {
        let (status, output) = try runOnHost(entry + command, environment: environment)
        guard status == 0 else {
            throw GuestError(description: "\(command.joined(separator: " ")): status \(status)\n\(output)")
        }
        return output
    }

    /// Starts a command in the network; it ends with `stop`, or with the network. What it prints goes to a file, whose
    /// place comes back.
    @discardableResult
    func start(_ command: String...) throws -> Server {
        let log = folder.appendingPathComponent("log-\(servers.count)")
        let child = try Child(entry + command, folder: projectFolder.path, output: .file(log.path))
        servers.append(child)
        return Server(child: child, log: log)
    }

    /// Something that runs in the network.
    struct Server {
        let child: Child
        let log: URL

        var output: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }

        /// Waits until it has printed something.
        func wait(for text: String, seconds: TimeInterval = 30) throws {
            let deadline = Date(timeIntervalSinceNow: seconds)
            while !output.contains(text) {
                guard Date() < deadline, child.isRunning else {
                    throw GuestError(
                        description: "\(child.command.joined(separator: " ")) did not print \"\(text)\":\n\(output)")
                }
                Thread.sleep(forTimeInterval: 0.02)
            }
        }

        func stop() { child.end() }

        /// Waits until it ends by itself; returns what it printed.
        func end() throws -> String {
            guard child.status(within: hostPatience) != nil else {
                throw GuestError(
                    description:
                        "\(child.command.joined(separator: " ")): not ended within \(Int(hostPatience)) s; it printed:\n\(output)"
                )
            }
            return output
        }
    }

    /// A DHCP and DNS server that gives addresses from `first` to `last` of 192.168.76.0/24.
    @discardableResult
    func serveAddresses(from first: Int = 11, to last: Int = 99) throws -> Server {
        let server = try start(
            // As qemu/pair starts it: no pid file, which is the host's, and no change of group, which a user's
            // namespace refuses.
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root", "--group=",
            "--interface=br0",
            "--bind-interfaces", "--dhcp-sequential-ip", "--dhcp-range=192.168.76.\(first),192.168.76.\(last),1h",
            "--dhcp-authoritative",
            "--dhcp-leasefile=\(folder.path)/leases", "--no-resolv", "--no-hosts", "--log-facility=-", "--log-dhcp",
            "--domain=lab.example", "--local=/lab.example/", "--host-record=server.lab.example,\(Self.host)",
            "--cname=www.lab.example,server.lab.example", "--no-ping")
        try server.wait(for: "DHCP, IP range")
        return server
    }
}
