// fsck: checks disk images and says what is wrong with them. It changes nothing.

import DiskImage
import FileSystem
import Foundation

let usage = """
    usage: fsck [-q] IMAGE...

    Checks xv6 file systems: superblock, log, inodes, blocks, bitmap, directories and link counts. What mounting puts right by
    itself (a log to bring home, inodes without links) is mentioned, and is no error. Changes nothing.
      -q       say nothing of images without errors
      --help   this text
    Exit status, as fsck(8): 0 no errors, 4 errors, 8 an image could not be read or is in use, 16 wrong usage.
    """

func fail(_ message: String) { FileHandle.standardError.write(Data("fsck: \(message)\n".utf8)) }

func check(_ path: String, quiet: Bool) -> Int32 {
    let disk: FileDisk
    do {
        disk = try FileDisk(path, writable: false)
    } catch {
        fail("\(error)")
        return 8
    }
    do {
        let summary = try DiskCheck.run(HostPlatform(disk)) { problem in
            if quiet, problem.isNote { return }
            let inode = problem.inode == 0 ? "" : "inode \(problem.inode): "
            let block = problem.block == 0 ? "" : "block \(problem.block): "
            print("\(path): \(problem.isNote ? "note: " : "")\(inode)\(block)\(problem.message)")
        }
        if !quiet || summary.problems > 0 {
            print(
                "\(path): \(summary.files) files, \(summary.directories) directories, \(summary.devices) devices, "
                    + "\(summary.blocksInUse) of \(disk.blockCount) blocks in use; "
                    + (summary.problems == 0 ? "clean" : "\(summary.problems) errors"))
        }
        return summary.problems == 0 ? 0 : 4
    } catch {
        fail("\(path): \(error.message)")
        return 8
    }
}

var quiet = false
var images: [String] = []
for argument in CommandLine.arguments.dropFirst() {
    switch argument {
    case "-q": quiet = true
    case "-h", "--help":
        print(usage)
        exit(0)
    case _ where argument.hasPrefix("-"):
        fail("unknown option \(argument)\n\(usage)")
        exit(16)
    default: images.append(argument)
    }
}
guard !images.isEmpty else {
    fail("which image?\n\(usage)")
    exit(16)
}
exit(images.reduce(0) { $0 | check($1, quiet: quiet) })
