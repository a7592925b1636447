// swift-tools-version: 6.2
// Swiftlet: every target of the system, and no package dependency.
//
// SWIFTLET_FREESTANDING=1 selects the kernel and the user programs (riscv64-none-none-eabi, with Linker/toolset.json);
// without it the same sources of NetStack, Drivers and FileSystem are built for the host, with the host tools and the
// tests. SWIFTLET_FUZZ=1 adds the fuzzer and builds all host code for it (libFuzzer, address sanitizer); for `make
// fuzz`. The Makefile sets both. SWIFTLET_TESTS="NetStackTests DriversTests" leaves all other tests out; Tools/lab sets
// it. SWIFTLET_TOOLS=1 leaves out what no tool is made of: the Makefile sets it.

import Foundation
import PackageDescription

let freestanding = Context.environment["SWIFTLET_FREESTANDING"] != nil
// SWIFTLET_CHECKS=1 adds the kernel's run-time checks of the lock order.
let checks: [SwiftSetting] = Context.environment["SWIFTLET_CHECKS"] != nil ? [.define("CHECKS")] : []
let fuzzing = Context.environment["SWIFTLET_FUZZ"] != nil
let root = Context.packageDirectory
let sanitizers = "-sanitize=fuzzer,address"

let common: [SwiftSetting] =
    [.enableExperimentalFeature("Lifetimes"), .swiftLanguageMode(.v6)] + (fuzzing ? [.unsafeFlags([sanitizers])] : [])
let embedded: [SwiftSetting] = common + [.enableExperimentalFeature("Embedded")]
let settings = freestanding ? embedded : common
/// Strict memory safety, as an error: each use of what the compiler cannot check says `unsafe`, and why. With
/// `.treatAllWarnings` an `unsafe` without need is an error too. In a lab's tree (Labs/README.md) other warnings stay
/// warnings: what is half written has values that nothing uses yet.
let isLab = FileManager.default.fileExists(atPath: "\(root)/.lab")
let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    isLab ? .treatWarning("StrictMemorySafety", as: .error) : .treatAllWarnings(as: .error),
]
// Host code that tests run millions of times: optimised in debug builds too. Not for code with handles: 6.3.1 at -O
// leaves the deinit of a generic noncopyable value out where an error is thrown past it.
let fast: [SwiftSetting] = common + [.unsafeFlags(["-O", "-cross-module-optimization"])]

func link(with script: String, _ extra: String...) -> [LinkerSetting] {
    [.unsafeFlags((["-T", "\(root)/Linker/\(script)"] + extra).flatMap { ["-Xlinker", $0] })]
}

// Rooms that run in the kernel and on the host alike.
var targets: [Target] = [
    .target(name: "Storage", path: "Kernel/Storage", swiftSettings: settings + strict),
    .target(name: "HTTP", path: "User/HTTP", swiftSettings: settings + strict),
    .target(name: "SystemInterface", path: "Kernel/Interface", swiftSettings: settings + strict),
    .target(
        name: "Packets", dependencies: ["SystemInterface"], path: "NetStack/Packet",
        swiftSettings: (freestanding ? embedded : fast) + strict),
    .target(
        name: "NetStack", dependencies: ["Packets", "Storage"], path: "NetStack", exclude: ["Packet"],
        swiftSettings: (freestanding ? embedded : fast) + strict),
    .target(name: "Drivers", dependencies: ["Packets", "Storage"], path: "Drivers", swiftSettings: settings + strict),
    .target(
        name: "FileSystem", dependencies: ["Storage", "SystemInterface"], path: "Kernel/FileSystem",
        swiftSettings: (freestanding ? embedded : common) + strict),  // not `fast`: see `fast`
]
var products: [Product] = []

// User programs: a file or a folder each in User/Programs. The name is what the shell calls it.
let entries = try FileManager.default.contentsOfDirectory(atPath: "\(root)/User/Programs").sorted()
/// What some programs use beside the user library.
let parts: [String: [Target.Dependency]] = [
    "fsck": ["FileSystem"], "netstat": ["NetStack"], "host": ["NetStack"], "tcpdump": ["NetStack", "Storage"],
    "httpd": ["HTTP"], "fetch": ["HTTP"], "ustack": ["NetStack"],
]

func module(of program: String) -> String {
    "Program" + program.prefix(1).uppercased() + program.dropFirst()
}

if freestanding {
    targets += [
        .target(name: "Machine", dependencies: ["MachineMemory"], path: "Kernel/Machine", exclude: ["User", "Memory"]),
        .target(name: "MachineMemory", path: "Kernel/Machine/Memory"),
        .executableTarget(
            name: "Kernel",
            dependencies: ["Machine", "Storage", "SystemInterface", "NetStack", "Drivers", "FileSystem"],
            path: "Kernel", exclude: ["Machine", "FileSystem", "Interface", "Storage"],
            // Tools/kernel-image reads the relocations
            swiftSettings: embedded + strict + checks, linkerSettings: link(with: "kernel.ld", "--emit-relocs")),
        .target(name: "UserMachine", dependencies: ["MachineMemory"], path: "Kernel/Machine/User"),
        .target(
            name: "UserLibrary", dependencies: ["UserMachine", "SystemInterface"], path: "User/Library",
            swiftSettings: embedded + strict),
    ]
    products.append(.executable(name: "swiftlet", targets: ["Kernel"]))
    for entry in entries {
        let isFile = entry.hasSuffix(".swift")
        let program = isFile ? String(entry.dropLast(6)) : entry
        targets.append(
            .executableTarget(
                name: module(of: program),
                dependencies: ["UserLibrary", "SystemInterface"] + parts[program, default: []],
                path: isFile ? "User/Programs" : "User/Programs/\(entry)",
                exclude: isFile ? entries.filter { $0 != entry } : [],
                swiftSettings: embedded + strict, linkerSettings: link(with: "user.ld")))
        products.append(.executable(name: program, targets: [module(of: program)]))
    }
} else {
    targets += [
        .target(
            name: "DiskImage", dependencies: ["FileSystem", "SystemInterface"], path: "Tools/DiskImage",
            swiftSettings: fast + strict),
        .executableTarget(
            name: "mkfs", dependencies: ["FileSystem", "DiskImage", "SystemInterface"], path: "Tools/mkfs",
            swiftSettings: common + strict),
        .target(name: "BenchReport", path: "Tools/bench/Report", swiftSettings: common + strict),
        .executableTarget(
            name: "bench", dependencies: ["BenchReport", "ELF", "HostGuest"], path: "Tools/bench/Run",
            swiftSettings: common + strict
        ),
        .executableTarget(name: "discover", path: "Tools/discover", swiftSettings: common + strict),
        .target(name: "ELF", path: "Tools/ELF", swiftSettings: common + strict),
        .executableTarget(name: "compile-commands", path: "Tools/compile-commands", swiftSettings: common + strict),
        .executableTarget(
            name: "kernel-image", dependencies: ["ELF"], path: "Tools/kernel-image", swiftSettings: common + strict),
        .target(name: "HostGuest", path: "Tools/HostGuest", swiftSettings: common + strict),
        .target(
            name: "Laboratory", dependencies: ["HostGuest"], path: "Tools/lab/Library", swiftSettings: common + strict),
        .executableTarget(
            name: "lab", dependencies: ["Laboratory"], path: "Tools/lab/Command", swiftSettings: common + strict),
        .target(
            name: "SiteBuilder", dependencies: ["HostGuest"], path: "Tools/site/Library", swiftSettings: common + strict
        ),
        .executableTarget(
            name: "site", dependencies: ["SiteBuilder"], path: "Tools/site/Command", swiftSettings: common + strict),
        .executableTarget(name: "pair", path: "Tools/pair", swiftSettings: common + strict),
        .executableTarget(
            name: "program-image", dependencies: ["ELF"], path: "Tools/program-image", swiftSettings: common + strict),
        .executableTarget(
            name: "fsck", dependencies: ["FileSystem", "DiskImage"], path: "Tools/fsck", swiftSettings: common + strict),
        .target(
            name: "FuzzTargets",
            dependencies: ["NetStack", "Drivers", "FileSystem", "DiskImage", "SystemInterface", "HTTP"],
            path: "Tests/Fuzz/Targets",
            swiftSettings: fast + strict),
        .target(
            name: "Simulator", dependencies: ["NetStack", "Storage"], path: "Tests/Simulator",
            swiftSettings: fast + strict),
        .testTarget(
            name: "SimulatorTests", dependencies: ["Simulator", "NetStack"], path: "Tests/SimulatorTests",
            swiftSettings: common + strict),
        .testTarget(
            name: "HTTPTests", dependencies: ["HTTP"], path: "Tests/HTTPTests", swiftSettings: common + strict),
        .testTarget(
            name: "InterfaceTests", dependencies: ["SystemInterface"], path: "Tests/InterfaceTests",
            swiftSettings: common + strict),
        .testTarget(
            name: "NetStackTests",
            dependencies: ["NetStack", "FuzzTargets", "Simulator", "Storage", "SystemInterface"],
            path: "Tests/NetStackTests",
            exclude: ["fuzz"],
            swiftSettings: common + strict),
        .testTarget(
            name: "DriversTests", dependencies: ["Drivers", "NetStack", "FuzzTargets"], path: "Tests/DriversTests",
            swiftSettings: fast + strict),
        .target(name: "TestSupport", path: "Tests/Support", swiftSettings: common + strict),
        .testTarget(
            name: "FileSystemTests",
            dependencies: ["FileSystem", "DiskImage", "SystemInterface", "TestSupport", "mkfs", "fsck"],
            path: "Tests/FileSystemTests",
            swiftSettings: common + strict),
        .target(
            name: "QTest", dependencies: ["Drivers", "HostGuest", "TestSupport"], path: "Tests/QTest",
            swiftSettings: common + strict
        ),
        .testTarget(
            name: "DeviceTests", dependencies: ["QTest", "Drivers", "NetStack"], path: "Tests/DeviceTests",
            swiftSettings: common + strict),
        .testTarget(name: "ELFTests", dependencies: ["ELF"], path: "Tests/ELFTests", swiftSettings: common + strict),
        .testTarget(
            name: "LabsTests", dependencies: ["Laboratory"], path: "Tests/LabsTests", swiftSettings: common + strict),
        .testTarget(
            name: "SiteTests", dependencies: ["SiteBuilder"], path: "Tests/SiteTests", swiftSettings: common + strict),
        .testTarget(
            name: "HouseTests", dependencies: ["TestSupport"], path: "Tests/HouseTests", swiftSettings: common + strict),
        .testTarget(
            name: "BenchTests", dependencies: ["BenchReport"], path: "Tests/BenchTests", swiftSettings: common + strict),
        .testTarget(
            name: "SystemTests", dependencies: ["HostGuest", "QTest", "TestSupport"], path: "Tests/SystemTests",
            swiftSettings: common + strict),
    ]
    if let wanted = Context.environment["SWIFTLET_TESTS"]?.split(separator: " ") {
        targets.removeAll { $0.type == .test && !wanted.contains(Substring($0.name)) }
    }
    if Context.environment["SWIFTLET_TOOLS"] != nil {
        let modules: Set = ["FileSystem", "SystemInterface", "Storage"]
        targets.removeAll { $0.path?.hasPrefix("Tools/") != true && !modules.contains($0.name) }
    }
    if fuzzing {
        targets.append(
            .executableTarget(
                name: "fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/Entry",
                swiftSettings: common + [.unsafeFlags(["-parse-as-library"])],
                linkerSettings: [.unsafeFlags([sanitizers, "-use-ld=lld"])]))
    }
}

let package = Package(name: "Swiftlet", products: products, targets: targets)
