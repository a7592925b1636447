// The guest checks of a lab: the tree's kernel is built once, and booted once for all of them; anew only after a panic.

import Foundation
import HostGuest

/// What the compiler, or the guard behind the linker, says of a tree.
public struct CompileErrors: Error {
    public let errors: [String]
    public init(errors: [String]) { self.errors = errors }
}

/// A guest of the grader's, and what it is asked.
public final class GuestTests {
    private let tree: Tree
    private let lab: Lab
    let kernel: URL
    private let builds: Bool
    private var isBuilt = false
    /// Is called with the name of what will be built, which takes its time.
    public var willBuild: (String) -> Void = { _ in }
    /// Is called each second of a build with what it says.
    public var isBuilding: ((String) -> Void)?
    private var machine: GuestMachine?
    /// Of the machine.
    private var harts: Int?
    private var peer: WirePeer?
    private var server: ServerNetwork?
    /// Host ports by what stands in `forward`.
    private var ports: [String: Int] = [:]
    /// What a boot that did not reach the shell means for all checks.
    private var bootProblem: TestOutcome?
    /// What the kernel is measured against.
    let benchmark: Benchmark?
    /// Times are this many times longer on a slow machine: the first boot tells.
    private var patience = 1.0

    /// - Parameter kernel: one that is built already; nil: the tree's, which is built when the first check needs it.
    public init(_ tree: Tree, _ lab: Lab, kernel: URL? = nil, benchmark: Benchmark? = nil) {
        self.benchmark = benchmark
        self.tree = tree
        self.lab = lab
        self.kernel = kernel ?? tree.file("build/fast/swiftlet.elf")
        builds = kernel == nil
    }

    deinit { end() }

    /// Ends the guest.
    public func end() {
        machine?.end()
        machine = nil
        peer?.close()
        peer = nil
        server?.end()
        server = nil
    }

    /// What the guest of the last check had printed after it.
    public private(set) var transcript = ""

    /// Builds kernel, programs and disk image of a tree.
    /// - Throws: CompileErrors.
    public static func build(_ tree: Tree, progress: ((String) -> Void)? = nil) throws {
        var command = Command(["make", "--no-print-directory", "FAST=1", "all"], in: tree.root)
        command.environment = ["MAKEFLAGS": "", "MFLAGS": "", "MAKELEVEL": "", "FORMAT": ""]
        command.progress = progress
        let result = try command.run()
        guard result.status != 0 || result.isSignal else { return }
        throw CompileErrors(errors: result.compileErrors(in: tree))
    }

    /// Runs a check of the lab's.
    /// - Throws: CompileErrors of the kernel, before the first one.
    public func run(_ check: Lab.GuestCheck) throws -> TestOutcome {
        if check.harts != harts {
            machine?.end()
            (machine, bootProblem, harts) = (nil, nil, check.harts)
        }
        if let bootProblem { return shows(check) ? .passed : bootProblem }
        guard Self.isInstalled("qemu-system-riscv64") else {
            return .notRun("qemu-system-riscv64 is not installed: make doctor says how to install it")
        }
        if let program = check.needs, !Self.isInstalled(program) {
            return .notRun("\(program) is not installed: make doctor says how to install it")
        }
        try buildOnce()
        if machine == nil, let problem = boot() {
            bootProblem = problem
            return shows(check) ? .passed : problem
        }
        if let console = check.console {
            return shows(check) ? .passed : .failed("the console of the boot was to match: \(console)")
        }
        guard let machine else { return .notRun("there is no guest") }
        let outcome = run(check, machine)
        transcript = machine.transcript
        if machine.hasEnded || outcome != .passed {
            // What a failed command left running is not the next check's affair.
            machine.end()
            self.machine = nil
        }
        return outcome
    }

    /// Builds the tree, if it is to be built and was not.
    /// - Throws: CompileErrors.
    func buildOnce() throws {
        guard builds, !isBuilt else { return }
        willBuild("your kernel")
        try Self.build(tree, progress: isBuilding)
        isBuilt = true
    }

    /// Whether the boot's console is what a check asks for.
    private func shows(_ check: Lab.GuestCheck) -> Bool {
        guard let console = check.console else { return false }
        return transcript.range(of: console, options: .regularExpression) != nil
    }

    static func isInstalled(_ program: String) -> Bool {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
            FileManager.default.isExecutableFile(atPath: "\($0)/\(program)")
        }
    }

    // MARK: Booting

    /// Starts the guest and waits for its shell; what is wrong otherwise.
    private func boot() -> TestOutcome? {
        var environment = lab.guest?.options ?? [:]
        if let harts { environment["CPUS"] = "\(harts)" }
        do {
            if lab.guest?.network == "wire" {
                if peer == nil { peer = try WirePeer() }
                environment.merge(["NET": "stream", "PEER": peer?.path ?? "", "IP": "10.9.0.2/24"]) { $1 }
            } else if lab.guest?.network == "dhcp" {
                // Where it cannot be made QEMU's own server gives an address.
                if server == nil { server = ServerNetwork(tree) }
                if server != nil { environment.merge(["NET": "tap", "TAP": "tap0"]) { $1 } }
            } else if let forward = lab.guest?.forward {
                if lab.guest?.echo == true, ports["echo"] == nil { ports["echo"] = try EchoService.start() }
                environment["FORWARD"] = try forward.map { name in
                    let parts = name.split(separator: ":"), port = try HostPort.free(isStream: parts.first == "tcp")
                    ports[String(parts.last ?? "")] = port
                    return "\(parts.first ?? "")::\(port)-:\(parts.last ?? "")"
                }.joined(separator: ",hostfwd=")
            }
            let began = Date()
            let machine = try GuestMachine(
                root: tree.root, kernel: kernel, environment: environment, entry: server?.entry ?? [])
            guard machine.wait(for: "\n$ ", seconds: 120) != nil else {
                defer { machine.end() }
                transcript = machine.transcript
                return Self.meaning(of: machine, wanted: "the shell's prompt")
            }
            transcript = machine.transcript
            patience = max(1, Date().timeIntervalSince(began) / 5)
            self.machine = machine
            return nil
        } catch { return .notRun("\(error)") }
    }

    /// What a guest means that did not do what was waited for: a task that is missing, a panic, or silence. Without
    /// the firmware's first line the machine did not come to the kernel: that says nothing of the code.
    private static func meaning(of machine: GuestMachine, wanted: String) -> TestOutcome {
        let console = machine.transcript
        if let match = console.firstMatch(of: #/LAB [\w-]+: `.*` is not written yet \([\w\/]+\.swift\)/#) {
            return .missing(String(match.0))
        }
        if let panic = console.range(of: "panic: ") {
            return .failed(
                "the kernel panicked; what was wanted: \(wanted)\n\(excerpt(console[panic.lowerBound...], 14))")
        }
        guard console.contains("OpenSBI") else {
            return .notRun("QEMU did not come to the kernel. The console:\n\(excerpt(console[...], 14))")
        }
        let what = machine.hasEnded ? "the guest ended" : "the guest did not come so far in time"
        let last = console.split(separator: "\n", omittingEmptySubsequences: false).suffix(14).joined(separator: "\n")
        return .failed("\(what); what was wanted: \(wanted)\nThe end of the console:\n\(last)")
    }

    private static func excerpt(_ text: Substring, _ lines: Int) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).prefix(lines).joined(separator: "\n")
    }

    // MARK: One check

    private func run(_ check: Lab.GuestCheck, _ machine: GuestMachine) -> TestOutcome {
        let seconds = (check.seconds ?? 60) * patience
        if let byteCount = check.ping {
            guard let peer else { return .notRun("a ping needs \"network\": \"wire\" in the lab's guest settings") }
            if let problem = peer.ping(byteCount: byteCount, seconds: min(seconds, 20 * patience)) {
                _ = machine.wait(for: "\u{0}", seconds: 1)  // a panic's report comes to its end
                if machine.hasEnded { return Self.meaning(of: machine, wanted: "the reply to an echo request") }
                return .failed(problem)
            }
        }
        if let datagram = check.datagram {
            guard let peer else { return .notRun("a datagram needs \"network\": \"wire\" in the lab's guest settings") }
            if let problem = peer.ask(datagram, seconds: min(seconds, 20 * patience)) {
                _ = machine.wait(for: "\u{0}", seconds: 1)
                if machine.hasEnded { return Self.meaning(of: machine, wanted: "what answers a datagram") }
                return .failed(problem)
            }
        }
        var command = check.run ?? ""
        for (name, port) in ports { command = command.replacing("$PORT_\(name)", with: "\(port)") }
        if let before = check.before {
            guard machine.start(before, seconds: seconds), machine.finish(seconds: seconds) != nil else {
                return Self.meaning(of: machine, wanted: "the command \(before) ends")
            }
        }
        if check.run != nil, !machine.start(command, seconds: seconds) {
            return Self.meaning(of: machine, wanted: "the shell takes the command \(command)")
        }
        if let host = check.host {
            let problem = self.host(host, check.hostExpect ?? "", machine, seconds: seconds)
            if check.run != nil, !machine.hasEnded { machine.type("\u{3}") }
            if let problem {
                _ = machine.wait(for: "\n$ ", seconds: 2)
                if machine.hasEnded { return Self.meaning(of: machine, wanted: "an answer to: \(host)") }
                return .failed(
                    "\(problem)\nThe guest, where \(command) ran, printed:\n\(machine.transcript.suffix(600))")
            }
        }
        guard check.run != nil else { return .passed }
        let deadline = Date(timeIntervalSinceNow: seconds)
        while true {
            guard let output = machine.finish(seconds: seconds) else {
                return Self.meaning(of: machine, wanted: "\(command) ends")
            }
            guard let expect = check.expect, output.range(of: expect, options: .regularExpression) == nil else {
                return .passed
            }
            if check.before != nil, Date() < deadline {
                _ = machine.wait(for: "\u{0}", seconds: 0.3)  // a service that is not up yet
                if machine.start(command, seconds: seconds) { continue }
            }
            return Self.meaning(of: output, command, expect)
        }
    }

    /// What a command's output means that is not what was to come.
    private static func meaning(of output: String, _ command: String, _ expect: String) -> TestOutcome {
        if let match = output.firstMatch(of: #/LAB [\w-]+: `.*` is not written yet \([\w\/]+\.swift\)/#) {
            return .missing(String(match.0))
        }
        let last = output.split(separator: "\n").suffix(14).joined(separator: "\n")
        return .failed("$ \(command)\nwas to print what matches: \(expect)\nIt printed:\n\(last)")
    }

    /// Runs a command on the host until what it prints matches; what is wrong otherwise.
    private func host(_ host: String, _ expect: String, _ machine: GuestMachine, seconds: Double) -> String? {
        let deadline = Date(timeIntervalSinceNow: seconds)
        var said = ""
        repeat {
            var command = Command(["bash", "-c", host], in: tree.root)
            for (name, port) in ports { command.environment["PORT_\(name)"] = "\(port)" }
            command.limit = 20
            guard let result = try? command.run() else { return "\(host) could not be run" }
            said = result.text + result.errors
            if said.range(of: expect, options: .regularExpression) != nil { return nil }
            _ = machine.wait(for: "\u{0}", seconds: 0.3)  // a service that is not up yet
        } while Date() < deadline && !machine.hasEnded
        return "on this machine: \(host)\nwas to print what matches: \(expect)\nIt printed:\n\(said.suffix(600))"
    }
}
