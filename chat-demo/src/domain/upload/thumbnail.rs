//! Pictures made small. Everything here blocks, within bounds of pixels and memory.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, Rgb, RgbImage};
use thiserror::Error;

use super::sniff::Picture;

/// The longest side of a thumbnail, in pixels.
const SIDE: u32 = 480;
const QUALITY: u8 = 80;

/// The most pixels that a picture may have, and the most bytes that it may take when it is unpacked.
pub(crate) const MAX_PIXELS: u64 = 40_000_000;
const MAX_SIDE: u32 = 20_000;
const MAX_MEMORY: u64 = 4 * MAX_PIXELS + (64 << 20);

/// Why a picture has no thumbnail.
#[derive(Debug, Error)]
pub(crate) enum ThumbnailError {
    #[error("the picture has more pixels than are unpacked")]
    TooManyPixels,
    #[error("the picture is damaged or cut off")]
    Damaged(#[source] ImageError),
    #[error("the thumbnail could not be written")]
    Io(#[from] std::io::Error),
}

/// Writes the thumbnail of a picture as JPEG, turned as the picture says it is to be and with nothing of its metadata;
/// its width and height.
pub(crate) fn make(file: &Path, picture: Picture, to: &Path) -> Result<(u32, u32), ThumbnailError> {
    let mut reader = ImageReader::new(BufReader::new(File::open(file)?));
    reader.set_format(match picture {
        Picture::Png => ImageFormat::Png,
        Picture::Jpeg => ImageFormat::Jpeg,
        Picture::Gif => ImageFormat::Gif,
        Picture::WebP => ImageFormat::WebP,
    });
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_MEMORY);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS || decoder.total_bytes() > MAX_MEMORY {
        return Err(ThumbnailError::TooManyPixels);
    }
    decoder.set_limits(limits)?;
    let orientation = decoder.orientation()?;
    let image = DynamicImage::from_decoder(decoder)?;
    let mut small = if width.max(height) > SIDE { image.thumbnail(SIDE, SIDE) } else { image };
    small.apply_orientation(orientation);
    let small = on_white(&small);
    let mut writer = BufWriter::new(File::create_new(to)?);
    JpegEncoder::new_with_quality(&mut writer, QUALITY).encode_image(&small)?;
    writer.flush()?;
    Ok(small.dimensions())
}

/// JPEG knows nothing that can be seen through.
fn on_white(image: &DynamicImage) -> RgbImage {
    let image = image.to_rgba8();
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let [r, g, b, a] = image.get_pixel(x, y).0;
        let over = |c: u8| ((u32::from(c) * u32::from(a) + 255 * (255 - u32::from(a))) / 255) as u8;
        Rgb([over(r), over(g), over(b)])
    })
}

impl From<ImageError> for ThumbnailError {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Limits(_) => Self::TooManyPixels,
            ImageError::IoError(error) if error.kind() == std::io::ErrorKind::StorageFull => Self::Io(error),
            error => Self::Damaged(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A PNG whose header says that it is this large, with next to nothing in it.
    fn bomb(width: u32, height: u32) -> Vec<u8> {
        let mut png = Vec::new();
        let one = RgbImage::new(1, 1);
        one.write_to(&mut std::io::Cursor::new(&mut png), ImageFormat::Png).unwrap();
        png[16..20].copy_from_slice(&width.to_be_bytes());
        png[20..24].copy_from_slice(&height.to_be_bytes());
        let crc = crc32(&png[12..29]);
        png[29..33].copy_from_slice(&crc.to_be_bytes());
        png
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
        })
    }

    fn thumbnail(bytes: &[u8], picture: Picture) -> Result<(u32, u32), ThumbnailError> {
        let folder = tempfile::tempdir().unwrap();
        let (file, to) = (folder.path().join("file"), folder.path().join("thumbnail"));
        std::fs::write(&file, bytes).unwrap();
        let made = make(&file, picture, &to);
        if let Ok(size) = made {
            assert_eq!(
                image::ImageReader::open(to).unwrap().with_guessed_format().unwrap().into_dimensions().unwrap(),
                size
            );
        }
        made
    }

    #[test]
    fn pictures_become_small_and_small_ones_stay() {
        for (picture, format) in [
            (Picture::Png, ImageFormat::Png),
            (Picture::Jpeg, ImageFormat::Jpeg),
            (Picture::Gif, ImageFormat::Gif),
            (Picture::WebP, ImageFormat::WebP),
        ] {
            for (width, height, small) in [(960, 600, (480, 300)), (100, 50, (100, 50))] {
                let mut bytes = Vec::new();
                RgbImage::new(width, height).write_to(&mut std::io::Cursor::new(&mut bytes), format).unwrap();
                assert_eq!(thumbnail(&bytes, picture).unwrap(), small, "{picture:?}");
                // Of a JPEG that lacks its end there is a picture, as in every browser; of one that ends in its head is none.
                let cut = if picture == Picture::Jpeg { 100 } else { bytes.len() / 2 };
                let cut = &bytes[..cut];
                assert!(matches!(thumbnail(cut, picture), Err(ThumbnailError::Damaged(_))), "{picture:?} cut off");
            }
        }
    }

    #[test]
    fn a_bomb_of_pixels_is_not_unpacked() {
        for (width, height) in [(50_000, 50_000), (8_000, 8_000), (1, 1_000_000)] {
            let refused = thumbnail(&bomb(width, height), Picture::Png);
            assert!(matches!(refused, Err(ThumbnailError::TooManyPixels)), "{width} × {height}: {refused:?}");
        }
    }
}
