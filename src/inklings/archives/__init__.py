"""Archives of images in hospitals: asked by DICOMweb, answered by DIMSE."""
